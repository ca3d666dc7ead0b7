package host

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/shirou/gopsutil/v4/disk"
)

// mount is one line of the mount table.
type mount struct {
	number     string // major:minor of the file system
	root       string // the part of the file system that is shown
	point      string
	fileSystem string
	source     string
	readOnly   bool
	directory  bool
}

// remote says that the data lies on another machine.
func (m mount) remote() bool {
	switch m.fileSystem {
	case "nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "glusterfs", "fuse.glusterfs", "fuse.sshfs", "afs", "lustre", "gpfs":
		return true
	}
	return false
}

// holdsData tells file systems without a block device that hold data of their own from the kernel's windows into
// itself. An overlay is the root of a container; below that it is another container's.
func (m mount) holdsData() bool {
	switch m.fileSystem {
	case "zfs", "btrfs", "bcachefs", "9p", "virtiofs", "vboxsf", "apfs", "hfs", "ntfs", "refs", "ufs", "ffs":
		return true
	case "overlay":
		return m.point == "/"
	}
	return m.remote()
}

// mountsOf is the mount table of whatever system this is.
func (m *machine) mountsOf(ctx context.Context) ([]mount, error) {
	if m.goos == "linux" {
		return m.mounts()
	}
	list, err := disk.PartitionsWithContext(ctx, false)
	if err != nil {
		return nil, err
	}
	var out []mount
	for _, p := range list {
		out = append(out, mount{
			root: "/", point: p.Mountpoint, fileSystem: strings.ToLower(p.Fstype), source: p.Device,
			readOnly: slices.Contains(p.Opts, "ro"), directory: true,
		})
	}
	return out, nil
}

// mounts reads Linux' mount table; see proc_pid_mountinfo(5).
func (m *machine) mounts() ([]mount, error) {
	text, err := os.ReadFile(m.path("/proc/self/mountinfo"))
	if err != nil {
		return nil, err
	}
	var out []mount
	for line := range strings.Lines(string(text)) {
		mnt, err := parseMount(strings.TrimSpace(line))
		if err != nil {
			return nil, err
		}
		// A remote mount is not asked what it is: it may not answer.
		mnt.directory = true
		if !mnt.remote() && mnt.root != "/" {
			info, err := os.Stat(m.path(mnt.point))
			mnt.directory = err == nil && info.IsDir()
		}
		out = append(out, mnt)
	}
	return out, nil
}

func parseMount(line string) (mount, error) {
	before, after, ok := strings.Cut(line, " - ")
	left, right := strings.Fields(before), strings.Fields(after)
	if !ok || len(left) < 6 || len(right) < 2 {
		return mount{}, fmt.Errorf("line %q has too few fields", line)
	}
	m := mount{
		number: left[2], root: unescape(left[3]), point: unescape(left[4]),
		readOnly:   slices.Contains(strings.Split(left[5], ","), "ro"),
		fileSystem: right[0], source: unescape(right[1]),
	}
	if len(right) > 2 {
		m.readOnly = m.readOnly || slices.Contains(strings.Split(right[2], ","), "ro")
	}
	return m, nil
}

// unescape undoes the octal escapes of the mount table: \040 is a blank.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return strings.ToValidUTF8(s, "�")
	}
	var out []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				out = append(out, byte(n))
				i += 3
				continue
			}
		}
		out = append(out, s[i])
	}
	return strings.ToValidUTF8(string(out), "�")
}
