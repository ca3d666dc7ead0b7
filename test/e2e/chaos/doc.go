// Package chaos kills the daemons at random moments and wants the same end as in peace. The test has the build tag e2e.
package chaos
