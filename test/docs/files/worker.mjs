// The worker of examples that only show how it is started.
