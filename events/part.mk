# events: what is built here, and the tests of it.
