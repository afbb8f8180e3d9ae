"""How HTTP reports a limit that is reached: the fields that clients have long known, and those of the IETF's draft.

draft-ietf-httpapi-ratelimit-headers has `RateLimit` and `RateLimit-Policy`; its early versions had `RateLimit-Limit`,
`-Remaining` and `-Reset`, which most clients look at.
"""

import math


def limit_headers(policy: str, quota: int, window_s: float | None, reset_s: float | None) -> list[tuple[str, str]]:
    """The fields for a policy ("rate") that allows `quota` requests or bytes in `window_s` seconds, and has none left.

    `window_s` is None for what is allowed at the same time; `reset_s`, in which there is room again, if it is known.
    """
    window = "" if window_s is None else f";w={math.ceil(window_s)}"
    fields = [
        ("ratelimit-limit", str(quota)),
        ("ratelimit-remaining", "0"),
        ("ratelimit-policy", f'"{policy}";q={quota}{window}'),
    ]
    if reset_s is None:
        return [*fields, ("ratelimit", f'"{policy}";r=0')]
    reset = math.ceil(reset_s)
    return [*fields, ("ratelimit-reset", str(reset)), ("ratelimit", f'"{policy}";r=0;t={reset}')]
