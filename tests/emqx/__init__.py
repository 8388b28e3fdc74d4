"""What the tests of EMQX need where no EMQX can be had: a reading of its rules, and a stand-in of its API."""
