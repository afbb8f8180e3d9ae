"""Between messages of radgate.v1 and the words of the core, a module for each subject."""
