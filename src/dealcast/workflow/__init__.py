"""The shell around the core: load, call a pure function, check, save."""
