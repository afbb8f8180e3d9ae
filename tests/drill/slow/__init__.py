"""Tests that take too long for `make test`: each file is run by `make test-slow`."""
