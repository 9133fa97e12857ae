"""What an operator does: one action a file, and a folder where an action has an attempt of its own."""
