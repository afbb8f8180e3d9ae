"""What holds for all tests."""

from hypothesis import settings

# A busy machine is no failure: what an example may take is bounded by the test's own time limit.
settings.register_profile("radgate", deadline=None)
settings.load_profile("radgate")
