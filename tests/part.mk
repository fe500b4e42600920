# tests: what is shared by all of them, and what the distribution carries.
EXTRA_DIST += README.md ARCHITECTURE.md SECURITY.md CONTRIBUTING.md CHANGES.md etc/postrider.service etc/postrider.conf.example
EXTRA_DIST += bootstrap COPYING tests/run tests/checks/layers tests/checks/banned tests/checks/functions tests/checks/headers tests/checks/words tests/bench/run tests/bench/load.c
