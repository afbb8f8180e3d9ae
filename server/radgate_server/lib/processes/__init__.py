"""Other programs: launched, started again, and the service manager that runs this one."""
