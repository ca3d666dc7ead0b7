package agent

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
)

// machineIDs tell whether a data directory was carried to another machine, and a restart from a reboot. The machine's
// own id is not for strangers, so a hash of it is used; where the system has none both are empty and nothing is told.
func machineIDs() (machine, boot string) {
	for _, path := range []string{"/etc/machine-id", "/var/lib/dbus/machine-id"} {
		if b, err := os.ReadFile(path); err == nil && len(strings.TrimSpace(string(b))) > 0 {
			sum := sha256.Sum256(append([]byte("maestro agent\x00"), strings.TrimSpace(string(b))...))
			machine = hex.EncodeToString(sum[:16])
			break
		}
	}
	if b, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		boot = strings.TrimSpace(string(b))
	}
	return machine, boot
}
