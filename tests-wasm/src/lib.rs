//! Nothing by itself: the tests are in `tests/`, and run in a browser.
