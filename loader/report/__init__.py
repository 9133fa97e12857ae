"""Values that verbs tell, and what is judged from them: health, alarms, metrics, log lines."""
