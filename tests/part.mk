# tests: what is shared by all of them, and what the distribution carries.
EXTRA_DIST += bootstrap COPYING tests/run tests/checks/layers tests/checks/banned tests/checks/functions tests/checks/headers tests/checks/words tests/bench/run tests/bench/load.c
