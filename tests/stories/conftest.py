"""Stories are searched by hypothesis: quickly, or with HYPOTHESIS_PROFILE=thorough for long."""

from hypothesis import HealthCheck, settings

# A game takes as long as it takes, on a machine that has other things to do as well.
_patient = settings(deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)

settings.register_profile("quick", _patient, max_examples=10, stateful_step_count=45)
settings.register_profile("thorough", _patient, max_examples=20, stateful_step_count=90)
