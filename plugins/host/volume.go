package host

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// volume is a block device, a mounted file system, or both in one.
type volume struct {
	key    string // the external id after the machine's
	device blockDevice
	mounts []mount
}

func (s *session) volumes(ctx context.Context, out provider.Emitter) error {
	m := s.machine
	id, err := m.id()
	if err != nil {
		return fmt.Errorf("name this machine: %w", err)
	}
	volumes, err := s.readVolumes(ctx)
	if err != nil {
		return err
	}
	out.Page()
	emitted := map[string]bool{}
	for _, v := range volumes {
		emitted[v.key] = true
	}
	for _, v := range volumes {
		env := resource.Envelope{
			Kind: "volume", ExternalID: id + "/" + v.key, Name: v.name(),
			Relations: []resource.Relation{{Verb: "attached_to", Kind: "server", ExternalID: id}},
		}
		for _, parent := range v.device.parents {
			if emitted[parent] {
				env.Relations = append(env.Relations, resource.Relation{Verb: "member_of", Kind: "volume", ExternalID: id + "/" + parent})
			}
		}
		env.Identifiers = identifier(env.Identifiers, "serial", v.device.serial)
		env.Identifiers = identifier(env.Identifiers, "naa", v.device.naa)
		attrs := s.volumeAttributes(ctx, &env, v)
		if err := emit(ctx, out, env, attrs); err != nil {
			return err
		}
	}
	return nil
}

func (v volume) name() string {
	if v.device.name != "" {
		return v.device.name
	}
	return v.mounts[0].source
}

func (s *session) volumeAttributes(ctx context.Context, env *resource.Envelope, v volume) schema.Volume {
	d := v.device
	attrs := schema.Volume{
		Type: d.kind, SizeBytes: d.size, Media: d.media, Model: d.model, Manufacturer: d.vendor, SectorBytes: int(d.sector),
	}
	if d.name != "" {
		attrs.DeviceName = "/dev/" + d.name
		attrs.Removable, attrs.ReadOnly = &d.removable, &d.readOnly
	}
	if len(v.mounts) == 0 {
		return attrs
	}
	first := v.mounts[0]
	attrs.FileSystem = first.fileSystem
	readOnly := true
	for _, mnt := range v.mounts {
		attrs.MountPoints = append(attrs.MountPoints, mnt.point)
		readOnly = readOnly && mnt.readOnly
	}
	attrs.ReadOnly = &readOnly
	if attrs.Type == "" {
		attrs.Type, attrs.Path = "file_system", first.source
		if first.remote() {
			attrs.Type = "share"
		}
	}
	if first.remote() {
		// A dead file server blocks whoever asks for sizes, for ever, so nobody asks. They belong to the server.
		return attrs
	}
	total, used, err := s.machine.usage(ctx, first.point)
	if err != nil {
		env.Unread = append(env.Unread, "/attributes/used_bytes")
		return attrs
	}
	attrs.UsedBytes = used
	if attrs.SizeBytes == 0 {
		attrs.SizeBytes = total
	}
	return attrs
}

// readVolumes puts block devices and mounts together. One file system mounted several times is one volume.
func (s *session) readVolumes(ctx context.Context) ([]volume, error) {
	m := s.machine
	mounts, err := m.mountsOf(ctx)
	if err != nil {
		return nil, fmt.Errorf("read mount table: %w", err)
	}
	devices := m.blockDevices()
	byNumber, byName := map[string]int{}, map[string]int{}
	out := make([]volume, 0, len(devices))
	for i, d := range devices {
		byNumber[d.number], byName[d.name] = i, i
		out = append(out, volume{key: d.key, device: d})
	}
	others := map[string]int{}
	for _, mnt := range mounts {
		if mnt.fileSystem == "squashfs" || mnt.fileSystem == "erofs" {
			continue // a package of programs, read from a file that is on another volume
		}
		at, known := byNumber[mnt.number]
		if !known {
			at, known = byName[m.deviceName(mnt.source)]
		}
		switch {
		case known:
		case !mnt.holdsData():
			continue
		default:
			key := "mount/" + mnt.fileSystem + "/" + mnt.source
			if at, known = others[key]; !known {
				at = len(out)
				others[key] = at
				out = append(out, volume{key: key})
			}
		}
		out[at].mounts = append(out[at].mounts, mnt)
	}
	container := m.inContainer()
	kept := out[:0]
	for _, v := range out {
		mounted := len(v.mounts) > 0
		v.mounts = s.wanted(withoutBinds(v.mounts))
		switch {
		case mounted && len(v.mounts) == 0: // the settings leave it out, or only single files of it are bound
		case !mounted && (container || v.device.idle): // not this container's, or an unused loop device
		default:
			kept = append(kept, v)
		}
	}
	slices.SortFunc(kept, func(a, b volume) int { return strings.Compare(a.key, b.key) })
	return kept, nil
}

// withoutBinds leaves out mounts that show a part of what another mount shows whole, sorted by mount point.
func withoutBinds(mounts []mount) []mount {
	whole := slices.ContainsFunc(mounts, func(m mount) bool { return m.root == "/" })
	var out []mount
	for _, m := range mounts {
		if (whole && m.root != "/") || !m.directory {
			continue
		}
		if !slices.ContainsFunc(out, func(o mount) bool { return o.point == m.point }) {
			out = append(out, m)
		}
	}
	slices.SortFunc(out, func(a, b mount) int { return strings.Compare(a.point, b.point) })
	return out
}

// wanted applies the settings to mount points.
func (s *session) wanted(mounts []mount) []mount {
	match := func(patterns []string, point string) bool {
		return slices.ContainsFunc(patterns, func(p string) bool {
			ok, _ := path.Match(p, point) // Connect has checked the patterns
			return ok
		})
	}
	return slices.DeleteFunc(mounts, func(m mount) bool {
		return match(s.settings.ExcludeMounts, m.point) ||
			len(s.settings.IncludeMounts) > 0 && !match(s.settings.IncludeMounts, m.point)
	})
}
