"""Stories are searched for by hypothesis; HYPOTHESIS_PROFILE=thorough searches for longer."""

import os

from hypothesis import settings

settings.register_profile("quick", deadline=None)
settings.register_profile("thorough", deadline=None, max_examples=600, stateful_step_count=80)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
