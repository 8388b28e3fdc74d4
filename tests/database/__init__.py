"""A real MariaDB for the tests: a private server, or another one named by ECMS_TEST_MARIADB."""
