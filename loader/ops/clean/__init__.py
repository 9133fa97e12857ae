"""`hotswap clean`: delete versions and state objects that nothing needs any more."""
