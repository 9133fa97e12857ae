"""`hotswap doctor`: what will hurt later, found before it does. Changes nothing outside of its own scratch table."""
