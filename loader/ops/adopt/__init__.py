"""Take over what others wrote: a whole Hive table, or what somebody has changed in one of ours."""
