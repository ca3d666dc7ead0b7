package openstack

import (
	"context"
	"net/url"
	"strings"
	"sync"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// glanceImage is what is used of an image. Where it is stored may hold a password and is not.
type glanceImage struct {
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	Status       string   `json:"status"`
	Owner        string   `json:"owner"`
	Visibility   string   `json:"visibility"`
	Size         number   `json:"size"`
	VirtualSize  number   `json:"virtual_size"`
	MinDisk      number   `json:"min_disk"`
	MinRAM       number   `json:"min_ram"`
	DiskFormat   string   `json:"disk_format"`
	Container    string   `json:"container_format"`
	Checksum     string   `json:"checksum"`
	HashAlgo     string   `json:"os_hash_algo"`
	HashValue    string   `json:"os_hash_value"`
	Hidden       *bool    `json:"os_hidden"`
	Protected    *bool    `json:"protected"`
	Created      string   `json:"created_at"`
	Tags         []string `json:"tags"`
	Distro       string   `json:"os_distro"`
	Version      string   `json:"os_version"`
	OSType       string   `json:"os_type"`
	Architecture string   `json:"architecture"`
	Hypervisor   string   `json:"hypervisor_type"`
	VMMode       string   `json:"vm_mode"`
	Firmware     string   `json:"hw_firmware_type"`
	Type         string   `json:"image_type"`
	Instance     string   `json:"instance_uuid"`
	BaseImage    string   `json:"base_image_ref"`
	Description  string   `json:"description"`
}

// imageBook finds the images that servers were made of. It grows with the images in use, not with the servers.
type imageBook struct {
	known map[string]glanceImage
	// blind says that some may not be read.
	blind, said bool
}

// learn reads the images of a page of servers that are not known yet.
func (b *imageBook) learn(ctx context.Context, r *reader, page []novaServer) error {
	service := r.session.find("image", r.region)
	if service == nil {
		return nil // nothing to be read there
	}
	var missing []string
	for _, s := range page {
		if _, ok := b.known[s.Image.ID]; !ok && s.Image.ID != "" {
			b.known[s.Image.ID] = glanceImage{} // one that was deleted is asked for once
			missing = append(missing, s.Image.ID)
		}
	}
	var mu sync.Mutex
	refused, end := r.side(ctx, missing, idsAtOnce, func(ctx context.Context, ids []string) error {
		l := listing{service: service, path: "images", key: "images", query: url.Values{"id": {"in:" + strings.Join(ids, ",")}}}
		return each(ctx, r, l, func(images []glanceImage) error {
			mu.Lock()
			defer mu.Unlock()
			for _, i := range images {
				b.known[i.ID] = i
			}
			return nil
		})
	})
	if refused != nil {
		if b.blind = true; !b.said {
			b.said = true
			r.out.Warn("operating systems of servers are left out: %v", refused)
		}
	}
	return end
}

// describe says of a server what its image says of itself.
func (b *imageBook) describe(env *resource.Envelope, a *schema.Server, s novaServer) {
	i := b.known[s.Image.ID]
	if i.ID == "" {
		if b.blind && s.Image.ID != "" {
			env.Unread = append(env.Unread, "/attributes/os", "/attributes/architecture")
		}
		return
	}
	a.OS, a.Architecture, a.Firmware = osOf(i), i.Architecture, firmwareOf(i)
}

// osOf are the properties by which OpenStack names operating systems.
func osOf(i glanceImage) schema.OperatingSystem {
	os := schema.OperatingSystem{Name: i.Distro, Version: i.Version}
	switch distro := strings.ToLower(i.Distro); {
	case strings.EqualFold(i.OSType, "windows") || strings.HasPrefix(distro, "windows"):
		os.Family = "windows"
	case distro == "freebsd" || distro == "openbsd" || distro == "netbsd":
		os.Family = distro
	case distro == "solaris" || distro == "opensolaris":
		os.Family = "solaris"
	case strings.EqualFold(i.OSType, "linux") || distro != "" && distro != "msdos" && distro != "netware":
		os.Family = "linux"
	case distro != "":
		os.Family = "other"
	}
	return os
}

func firmwareOf(i glanceImage) string {
	if i.Firmware == "bios" || i.Firmware == "uefi" {
		return i.Firmware
	}
	return ""
}

// imageFields are what only Glance's images have.
type imageFields struct {
	ProjectID   string `json:"project_id,omitempty" label:"Project id" maestro:"indexed"`
	ProjectName string `json:"project_name,omitempty" label:"Project" maestro:"indexed,searchable"`
	VirtualSize int64  `json:"virtual_size_bytes,omitempty" label:"Virtual size"`
	Hidden      *bool  `json:"hidden,omitempty" label:"Hidden" help:"An outdated one that is not offered any more."`
	Digest      string `json:"digest,omitempty" label:"Digest" example:"sha512:6f1..."`
	ImageType   string `json:"image_type,omitempty" label:"Image type" example:"snapshot"`
	BaseImage   string `json:"base_image_id,omitempty" label:"Base image"`
}

type imageAttributes struct {
	schema.Image
	OpenStack imageFields `json:"openstack"`
}

func readImages(ctx context.Context, r *reader) error {
	return own(ctx, r, func(page []glanceImage) error {
		for _, i := range page {
			env, attributes := r.image(i)
			if err := r.emit(ctx, env, attributes); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reader) image(i glanceImage) (resource.Envelope, imageAttributes) {
	env := r.thing(i.ID, i.Name)
	tagAll(&env, nil, i.Tags)
	o := r.owner(&env, i.Owner)
	a := imageAttributes{
		Image: schema.Image{
			Type: imageType(i), Status: i.Status, OS: osOf(i), Architecture: i.Architecture, SizeBytes: int64(i.Size), MinDiskBytes: int64(i.MinDisk) * gibibyte,
			MinMemoryBytes: int64(i.MinRAM) * mebibyte, DiskFormat: i.DiskFormat, ContainerFormat: i.Container, Hypervisor: i.Hypervisor, Virtualization: i.VMMode,
			Firmware: firmwareOf(i), Public: pointer(i.Visibility == "public" || i.Visibility == "community"), Protected: i.Protected, Visibility: i.Visibility,
			Checksum: i.Checksum, Account: i.Owner, Description: i.Description, Provisioned: stamp(i.Created),
		},
		OpenStack: imageFields{
			ProjectID: o.id, ProjectName: o.name, VirtualSize: int64(i.VirtualSize), Hidden: i.Hidden, ImageType: i.Type, BaseImage: i.BaseImage,
		},
	}
	if i.HashValue != "" {
		a.OpenStack.Digest = i.HashAlgo + ":" + i.HashValue
	}
	relate(&env, "created_from", "server", i.Instance)
	return env, a
}

func imageType(i glanceImage) string {
	switch {
	case i.Container == "docker":
		return "container"
	case i.DiskFormat == "iso":
		return "iso"
	case i.DiskFormat == "aki":
		return "kernel"
	case i.DiskFormat == "ari":
		return "ramdisk"
	}
	return "machine"
}
