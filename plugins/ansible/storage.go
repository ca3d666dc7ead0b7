package ansible

import (
	"context"
	"path"
	"slices"
	"strings"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// volume is a disk, a partition, a logical volume or a file system without any of them.
type volume struct {
	key, name string
	serial    string
	wwn       string
	parent    string // the key of the volume that it is a part of
	pool      string // the key of the pool that it lies on
	// devices are the paths by which mounts name it.
	devices []string
	attrs   schema.Volume
}

// disks are the block devices of the machine; what is made of memory or of files is none.
func disks(f facts) []volume {
	var out []volume
	for name, raw := range sortedObjects(f, "ansible_devices") {
		if slices.ContainsFunc([]string{"loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd"}, func(p string) bool { return strings.HasPrefix(name, p) }) {
			continue
		}
		d := volume{key: name, name: name, serial: raw.text("serial"), wwn: raw.text("wwn"), devices: []string{"/dev/" + name}, attrs: schema.Volume{
			Type: "disk", SizeBytes: raw.number("sectors") * 512, // the kernel counts in 512 whatever the sector's size
			DeviceName: "/dev/" + name, Model: raw.text("model"), Manufacturer: raw.text("vendor"), Controller: raw.text("host"),
			SectorBytes: int(raw.number("sectorsize")), Media: media(name, raw),
		}}
		if raw.text("removable") == "1" {
			yes := true
			d.attrs.Removable = &yes
		}
		if d.attrs.SizeBytes == 0 {
			d.attrs.SizeBytes = sizeOf(raw.text("size"))
		}
		out = append(out, d)
	}
	for _, raw := range f.objects("ansible_disks") { // Windows
		number := firstOf(raw.text("number"), raw.text("guid"), raw.text("unique_id"))
		if number == "" {
			continue
		}
		d := volume{key: "disk" + number, name: firstOf(raw.text("friendly_name"), "Disk "+number), serial: raw.text("serial_number"), attrs: schema.Volume{
			Type: "disk", SizeBytes: raw.number("size"), Model: firstOf(raw.text("model"), raw.text("friendly_name")), Manufacturer: raw.text("manufacturer"),
			Controller: raw.text("bus_type"), SectorBytes: int(raw.number("sector_size")), Status: raw.text("operational_status"),
		}}
		if raw.text("bus_type") == "NVMe" {
			d.attrs.Media = "nvme"
		}
		out = append(out, d)
	}
	return out
}

// partitions are the parts of the disks.
func partitions(h *host) []volume {
	var out []volume
	for disk, raw := range sortedObjects(h.facts, "ansible_devices") {
		for name, p := range sortedObjects(raw, "partitions") {
			out = append(out, volume{key: name, name: name, parent: disk, devices: []string{"/dev/" + name}, attrs: schema.Volume{
				Type: "partition", SizeBytes: firstNumber(p.number("sectors")*512, sizeOf(p.text("size"))), DeviceName: "/dev/" + name, SectorBytes: int(p.number("sectorsize"))}})
		}
	}
	// BSD names the parts only.
	for disk, raw := range h.facts.object("ansible_devices") {
		for _, name := range (facts{"x": raw}).texts("x") {
			out = append(out, volume{key: name, name: name, parent: disk, devices: []string{"/dev/" + name}, attrs: schema.Volume{Type: "partition", DeviceName: "/dev/" + name}})
		}
	}
	for _, raw := range h.facts.objects("ansible_disks") {
		number := firstOf(raw.text("number"), raw.text("guid"), raw.text("unique_id"))
		for _, p := range raw.objects("partitions") {
			v := volume{key: "disk" + number + "p" + p.text("number"), parent: "disk" + number, name: "Partition " + p.text("number"),
				attrs: schema.Volume{Type: "partition", SizeBytes: p.number("size")}}
			if letter := p.text("drive_letter"); letter != "" {
				v.name, v.attrs.MountPoints, v.attrs.DeviceName = letter+":", []string{letter + ":"}, letter+":"
			}
			for _, fs := range p.objects("volumes") {
				v.attrs.FileSystem = strings.ToLower(firstOf(fs.text("type"), v.attrs.FileSystem))
				if label := fs.text("label"); label != "" {
					v.attrs.Description = label
				}
				if total, free := fs.number("size"), fs.number("size_remaining"); total > 0 {
					v.attrs.UsedBytes = total - free
				}
			}
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b volume) int { return strings.Compare(a.key, b.key) })
	return out
}

// logicalVolumes are LVM's. Ansible keys them by their bare name: of two with the same name in two groups it reports
// one.
func logicalVolumes(h *host) []volume {
	var out []volume
	for name, raw := range sortedObjects(h.facts.object("ansible_lvm"), "lvs") {
		group := raw.text("vg")
		mapped := strings.ReplaceAll(group, "-", "--") + "-" + strings.ReplaceAll(name, "-", "--")
		out = append(out, volume{key: "lvm/" + group + "/" + name, name: name, pool: "lvm/" + group,
			devices: []string{"/dev/mapper/" + mapped, "/dev/" + group + "/" + name}, attrs: schema.Volume{Type: "logical_volume",
				SizeBytes: int64(raw.fraction("size_g") * (1 << 30)), DeviceName: "/dev/mapper/" + mapped, Path: group + "/" + name}})
	}
	return out
}

// withoutDisk are file systems that lie in memory, in other file systems or nowhere.
var withoutDisk = []string{"tmpfs", "devtmpfs", "proc", "sysfs", "overlay", "squashfs", "aufs", "autofs", "cgroup", "cgroup2", "ramfs", "rootfs", "fdescfs",
	"procfs", "devfs", "linprocfs", "nullfs", "fuse.lxcfs", "fuse.gvfsd-fuse", "iso9660", "udf", "nsfs", "efivarfs"}

// mounted adds to the volumes what is known of the file systems on them, and volumes for those that lie on none. A bind
// mount is a second mount point of the same file system.
func mounted(h *host, list []volume) []volume {
	byDevice := map[string]int{}
	for i, v := range list {
		for _, d := range v.devices {
			byDevice[d] = i
		}
	}
	for _, m := range h.facts.objects("ansible_mounts") {
		device, at, kind := m.text("device"), m.text("mount"), strings.ToLower(m.text("fstype"))
		if device == "" || at == "" || slices.Contains(withoutDisk, kind) || strings.HasPrefix(device, "/dev/loop") {
			continue
		}
		i, ok := byDevice[device]
		if !ok {
			v := volume{key: "mount/" + device, name: device, attrs: schema.Volume{Type: "file_system"}}
			if strings.HasPrefix(kind, "nfs") || kind == "cifs" || kind == "smbfs" || kind == "smb3" || strings.HasPrefix(kind, "fuse.gluster") || kind == "ceph" {
				v.attrs.Type = "share"
				v.attrs.Path = device
			}
			i = len(list)
			list, byDevice[device] = append(list, v), i
		}
		a := &list[i].attrs
		a.FileSystem = firstOf(a.FileSystem, kind)
		if !slices.Contains(a.MountPoints, at) {
			a.MountPoints = append(a.MountPoints, at)
		}
		if total := m.number("size_total"); total > 0 {
			a.UsedBytes = max(total-m.number("size_available"), 0)
			if a.SizeBytes == 0 {
				a.SizeBytes = total
			}
		}
		if slices.Contains(strings.Split(m.text("options"), ","), "ro") {
			yes := true
			a.ReadOnly = &yes
		}
	}
	return list
}

func (s *session) volumes(ctx context.Context, out provider.Emitter, h *host) error {
	list := mounted(h, slices.Concat(h.disks(), partitions(h), logicalVolumes(h)))
	known := map[string]bool{}
	for _, v := range list {
		known[v.key] = true
	}
	emitted := map[string]bool{}
	for _, v := range list {
		if emitted[v.key] {
			continue
		}
		emitted[v.key] = true
		env := resource.Envelope{Kind: "volume", ExternalID: h.name + "/" + v.key, Name: v.name,
			Relations: []resource.Relation{{Verb: "attached_to", Kind: "server", ExternalID: h.name}}}
		if known[v.parent] {
			env.Relations = append(env.Relations, resource.Relation{Verb: "member_of", Kind: "volume", ExternalID: h.name + "/" + v.parent})
		}
		if v.pool != "" {
			env.Relations = append(env.Relations, resource.Relation{Verb: "stored_on", Kind: "storage_pool", ExternalID: h.name + "/" + v.pool})
		}
		env.Identifiers = identify(env.Identifiers, "serial", v.serial)
		if strings.HasPrefix(v.wwn, "naa.") {
			env.Identifiers = identify(env.Identifiers, "naa", v.wwn)
		} else {
			env.Identifiers = identify(env.Identifiers, "wwn", v.wwn)
		}
		if err := emit(ctx, out, env, v.attrs); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) storagePools(ctx context.Context, out provider.Emitter, h *host) error {
	lvm := h.facts.object("ansible_lvm")
	for name, raw := range sortedObjects(lvm, "vgs") {
		env := resource.Envelope{Kind: "storage_pool", ExternalID: h.name + "/lvm/" + name, Name: name,
			Relations: []resource.Relation{{Verb: "attached_to", Kind: "server", ExternalID: h.name}}}
		for device, pv := range sortedObjects(lvm, "pvs") {
			if pv.text("vg") == name {
				env.Relations = append(env.Relations, resource.Relation{Verb: "uses", Kind: "volume", ExternalID: h.name + "/" + path.Base(device)})
			}
		}
		if err := emit(ctx, out, env, schema.StoragePool{Type: "lvm", SizeBytes: int64(raw.fraction("size_g") * (1 << 30)),
			FreeBytes: int64(raw.fraction("free_g") * (1 << 30))}); err != nil {
			return err
		}
	}
	return nil
}

// sortedObjects walks the members of an object fact that are objects themselves, by name.
func sortedObjects(f facts, name string) func(yield func(string, facts) bool) {
	all := f.object(name)
	return func(yield func(string, facts) bool) {
		names := make([]string, 0, len(all))
		for n := range all {
			names = append(names, n)
		}
		slices.Sort(names)
		for _, n := range names {
			if o := all.object(n); o != nil && !yield(n, o) {
				return
			}
		}
	}
}

func media(name string, raw facts) string {
	switch {
	case strings.HasPrefix(name, "nvme"):
		return "nvme"
	case raw.text("virtual") == "1" && raw.text("model") == "":
		return "" // a virtual disk says whatever its hypervisor likes
	case raw.text("rotational") == "0":
		return "ssd"
	case raw.text("rotational") == "1":
		return "hdd"
	}
	return ""
}

// sizeOf reads a size as Ansible writes it for people: "30.00 GB", in powers of 1024.
func sizeOf(text string) int64 {
	number, unit, _ := strings.Cut(text, " ")
	shift := map[string]int{"Bytes": 0, "KB": 10, "MB": 20, "GB": 30, "TB": 40, "PB": 50}
	by, ok := shift[unit]
	if !ok {
		return 0
	}
	return int64((facts{"n": number}).fraction("n") * float64(int64(1)<<by))
}

func firstNumber(list ...int64) int64 {
	for _, n := range list {
		if n > 0 {
			return n
		}
	}
	return 0
}
