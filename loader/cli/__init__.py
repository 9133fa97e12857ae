"""The command line: one file a family of verbs. Nothing slow is imported before a verb needs it."""
