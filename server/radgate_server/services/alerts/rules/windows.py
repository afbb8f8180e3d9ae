"""How far back the rules look."""

EVENT_S = 900.0
"""For how long what happened in one moment counts as being so."""

RECENT_S = 300.0
"""For what happens in a row: shares of failures, times that calls take."""

LONGEST_WINDOW_S = max(EVENT_S, RECENT_S)
