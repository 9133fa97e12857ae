"""One split: its old file is read, merged with the changes and written as a new one, in process or in Spark."""
