"""The alert rules, one module for each file of deploy/prometheus/rules, which scripts/alert_rules.py makes of them."""
