//go:build !linux

package dev

import "os/exec"

func isolate(*exec.Cmd) {}
