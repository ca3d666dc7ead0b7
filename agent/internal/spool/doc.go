// Package spool is the agent's outbox: what was discovered stays on disk until the collector has acknowledged it.
//
// Its unit is the capture: one scope as read in one run, in a file of its own. A run is a directory with a log of
// small records (opened, planned, a scope finished, closed) and the captures beside it. Nothing is ever changed in
// place: files are appended to and synced, or written anew and renamed, so that a crash at any byte leaves either
// the state before or the state after. Every frame carries its length and a CRC32C; what does not add up is moved
// aside and said, never trusted and never a panic.
//
// Baselines are the (key, hash) lists of what the collector acknowledged last for each scope. Differences are
// computed against them when sending, so that a capture means the same whatever was sent before it.
//
// The collector may be away for days: newer captures supersede older ones of their scope, only a complete one
// supersedes a complete one, the total size is limited, and what was dropped is said. Discovery is never blocked.
package spool
