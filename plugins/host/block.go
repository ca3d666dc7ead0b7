package host

import (
	"path/filepath"
	"slices"
	"strings"
)

// blockDevice is a disk, a partition or a volume of the device mapper, as Linux shows it in /sys/block.
type blockDevice struct {
	key       string // part of the external id
	name      string // sda1
	number    string // major:minor
	kind      string // the attribute "type"
	size      int64
	sector    int64
	media     string
	model     string
	vendor    string
	serial    string
	naa       string
	removable bool
	readOnly  bool
	parents   []string // keys
	idle      bool     // worth a row only when mounted
}

// blockDevices lists them sorted by name; on other systems than Linux there are none to be seen.
func (m *machine) blockDevices() []blockDevice {
	var out []blockDevice
	used, keyOf := map[string]bool{}, map[string]string{}
	add := func(d blockDevice) {
		// Two paths to one disk show the same serial number; ids must differ all the same.
		if used[d.key] {
			d.key += "@" + d.name
		}
		used[d.key] = true
		keyOf[d.name] = d.key
		out = append(out, d)
	}
	for _, name := range m.entries("/sys/block") {
		at := "/sys/block/" + name
		d := m.disk(name, at)
		if d.size == 0 || hasPrefix(name, "ram", "zram", "fd", "sr", "nbd") {
			continue
		}
		add(d)
		for _, part := range m.entries(at) {
			if number := m.text(at + "/" + part + "/partition"); number != "" {
				add(m.partition(d, keyOf[name], part, at+"/"+part, number))
			}
		}
	}
	// What a mapped volume is made of may be listed after it.
	for i := range out {
		for _, slave := range m.entries("/sys/block/" + out[i].name + "/slaves") {
			if key := keyOf[slave]; key != "" {
				out[i].parents = append(out[i].parents, key)
			}
		}
		slices.Sort(out[i].parents)
	}
	slices.SortFunc(out, func(a, b blockDevice) int { return strings.Compare(a.name, b.name) })
	return out
}

const sysfsSector = 512 // /sys counts in these, whatever the device's own are

func (m *machine) disk(name, at string) blockDevice {
	d := blockDevice{
		name: name, kind: "disk", number: m.text(at + "/dev"), size: m.number(at+"/size") * sysfsSector,
		sector: m.number(at + "/queue/logical_block_size"), model: m.text(at + "/device/model"),
		vendor: m.text(at + "/device/vendor"), serial: firstText(m.text(at+"/device/serial"), m.text(at+"/serial")),
		removable: m.number(at+"/removable") == 1, readOnly: m.number(at+"/ro") == 1,
	}
	wwid := firstText(m.text(at+"/wwid"), m.text(at+"/device/wwid"))
	if strings.HasPrefix(wwid, "naa.") {
		d.naa = wwid
	}
	if strings.HasPrefix(d.vendor, "0x") {
		d.vendor = "" // virtio's number, not a name
	}
	switch {
	case strings.HasPrefix(name, "dm-"):
		d.kind = "logical_volume"
		d.key = "dm/" + firstText(m.text(at+"/dm/uuid"), m.text(at+"/dm/name"), name)
		d.model = m.text(at + "/dm/name")
		return d
	case strings.HasPrefix(name, "md"):
		d.kind = "logical_volume"
	case strings.HasPrefix(name, "loop"):
		d.idle = true
	case strings.HasPrefix(name, "nvme"):
		d.media = "nvme"
	case !strings.HasPrefix(name, "vd") && !strings.HasPrefix(name, "xvd"): // virtual disks don't know
		d.media = "ssd"
		if m.text(at+"/queue/rotational") == "1" {
			d.media = "hdd"
		}
	}
	d.key = "disk/" + firstText(strings.Join(strings.Fields(wwid), "_"), d.serial, name)
	return d
}

func (m *machine) partition(disk blockDevice, diskKey, name, at, number string) blockDevice {
	return blockDevice{
		key: diskKey + "/" + number, name: name, number: m.text(at + "/dev"), kind: "partition",
		size: m.number(at+"/size") * sysfsSector, sector: disk.sector, media: disk.media,
		removable: disk.removable, readOnly: m.number(at+"/ro") == 1, parents: []string{diskKey}, idle: disk.idle,
	}
}

// deviceName is the kernel's name of a device file: dm-0 for /dev/mapper/root.
func (m *machine) deviceName(source string) string {
	if !strings.HasPrefix(source, "/dev/") {
		return ""
	}
	if target, err := filepath.EvalSymlinks(m.path(source)); err == nil {
		source = target
	}
	return filepath.Base(source)
}

func hasPrefix(s string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

func firstText(candidates ...string) string {
	for _, c := range candidates {
		if c != "" {
			return c
		}
	}
	return ""
}
