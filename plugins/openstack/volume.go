package openstack

import (
	"context"
	"strings"

	"maestro.internal/sdk/resource"
	"maestro.internal/sdk/schema"
)

// volumeFields are what only Cinder's volumes have.
type volumeFields struct {
	ProjectID    string `json:"project_id,omitempty" label:"Project id" maestro:"indexed"`
	ProjectName  string `json:"project_name,omitempty" label:"Project" maestro:"indexed,searchable"`
	UserID       string `json:"user_id,omitempty" label:"User id" help:"Who made it."`
	Host         string `json:"host,omitempty" label:"Back end" help:"Host, back end and pool, which administrators see." example:"cinder-1@ceph#rbd"`
	Cluster      string `json:"cluster_name,omitempty" label:"Cluster"`
	Migration    string `json:"migration_status,omitempty" label:"Migration"`
	Replication  string `json:"replication_status,omitempty" label:"Replication"`
	SourceVolume string `json:"source_volume_id,omitempty" label:"Copy of volume"`
	ImageName    string `json:"image_name,omitempty" label:"Image"`
	ImageFormat  string `json:"container_format,omitempty" label:"Image's container format"`
	GroupID      string `json:"group_id,omitempty" label:"Volume group"`
}

type cinderVolume struct {
	ID           string            `json:"id"`
	Name         string            `json:"name"`
	Description  string            `json:"description"`
	Status       string            `json:"status"`
	Size         number            `json:"size"`
	Type         string            `json:"volume_type"`
	Bootable     truth             `json:"bootable"`
	Encrypted    *bool             `json:"encrypted"`
	KeyID        string            `json:"encryption_key_id"`
	Multiattach  *bool             `json:"multiattach"`
	Snapshot     string            `json:"snapshot_id"`
	Source       string            `json:"source_volid"`
	Zone         string            `json:"availability_zone"`
	Created      string            `json:"created_at"`
	Metadata     map[string]string `json:"metadata"`
	Project      string            `json:"os-vol-tenant-attr:tenant_id"`
	Host         string            `json:"os-vol-host-attr:host"`
	MigrationOf  string            `json:"os-vol-mig-status-attr:migstat"`
	MigrationNow string            `json:"migration_status"`
	Replication  string            `json:"replication_status"`
	Cluster      string            `json:"cluster_name"`
	Group        string            `json:"group_id"`
	User         string            `json:"user_id"`
	Attachments  []struct {
		Server string `json:"server_id"`
		Device string `json:"device"`
	} `json:"attachments"`
	Image map[string]any `json:"volume_image_metadata"`
}

type volumeAttributes struct {
	schema.Volume
	OpenStack volumeFields `json:"openstack"`
}

func readVolumes(ctx context.Context, r *reader) error {
	return own(ctx, r, func(page []cinderVolume) error {
		for _, v := range page {
			env, attributes := r.volume(v)
			if err := r.emit(ctx, env, attributes); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reader) volume(v cinderVolume) (resource.Envelope, volumeAttributes) {
	env := r.thing(v.ID, v.Name)
	env.Zone = v.Zone
	tagAll(&env, v.Metadata, nil)
	o := r.owner(&env, v.Project)
	text := func(key string) string { s, _ := v.Image[key].(string); return s }
	a := volumeAttributes{
		Volume: schema.Volume{
			Type: "virtual_disk", Status: v.Status, SizeBytes: int64(v.Size) * gibibyte, PerformanceClass: v.Type, Bootable: v.Bootable.pointer(),
			Encrypted: v.Encrypted, EncryptionKeyName: v.KeyID, Shareable: v.Multiattach, Description: v.Description, ProvisionedAt: stamp(v.Created),
		},
		OpenStack: volumeFields{
			ProjectID: o.id, ProjectName: o.name, UserID: v.User, Host: v.Host, Cluster: v.Cluster, Replication: v.Replication, SourceVolume: v.Source,
			ImageName: text("image_name"), ImageFormat: text("container_format"), GroupID: v.Group,
		},
	}
	if a.OpenStack.Migration = v.MigrationNow; a.OpenStack.Migration == "" {
		a.OpenStack.Migration = v.MigrationOf
	}
	for _, at := range v.Attachments {
		relate(&env, "attached_to", "server", at.Server)
		if len(v.Attachments) == 1 {
			a.DeviceName = at.Device
		}
	}
	relate(&env, "created_from", "snapshot", v.Snapshot)
	relate(&env, "created_from", "image", text("image_id"))
	return env, a
}

// snapshotFields are what only Cinder's snapshots have.
type snapshotFields struct {
	ProjectID   string `json:"project_id,omitempty" label:"Project id" maestro:"indexed"`
	ProjectName string `json:"project_name,omitempty" label:"Project" maestro:"indexed,searchable"`
	UserID      string `json:"user_id,omitempty" label:"User id" help:"Who made it."`
	GroupID     string `json:"group_snapshot_id,omitempty" label:"Group snapshot"`
}

type cinderSnapshot struct {
	ID          string            `json:"id"`
	Name        string            `json:"name"`
	Description string            `json:"description"`
	Status      string            `json:"status"`
	Size        number            `json:"size"`
	Volume      string            `json:"volume_id"`
	Created     string            `json:"created_at"`
	Metadata    map[string]string `json:"metadata"`
	Project     string            `json:"os-extended-snapshot-attributes:project_id"`
	Progress    string            `json:"os-extended-snapshot-attributes:progress"`
	User        string            `json:"user_id"`
	Group       string            `json:"group_snapshot_id"`
}

type snapshotAttributes struct {
	schema.Snapshot
	OpenStack snapshotFields `json:"openstack"`
}

func readSnapshots(ctx context.Context, r *reader) error {
	return own(ctx, r, func(page []cinderSnapshot) error {
		for _, s := range page {
			env, attributes := r.snapshot(s)
			if err := r.emit(ctx, env, attributes); err != nil {
				return err
			}
		}
		return nil
	})
}

func (r *reader) snapshot(s cinderSnapshot) (resource.Envelope, snapshotAttributes) {
	env := r.thing(s.ID, s.Name)
	tagAll(&env, s.Metadata, nil)
	o := r.owner(&env, s.Project)
	a := snapshotAttributes{
		Snapshot: schema.Snapshot{
			Type: "volume", Status: s.Status, TakenAt: stamp(s.Created), SizeBytes: int64(s.Size) * gibibyte, Description: s.Description,
		},
		OpenStack: snapshotFields{ProjectID: o.id, ProjectName: o.name, UserID: s.User, GroupID: s.Group},
	}
	var percent number
	if percent.UnmarshalJSON([]byte(strings.TrimSuffix(s.Progress, "%"))) == nil && s.Progress != "" {
		a.ProgressPercent = pointer(int(percent))
	}
	relate(&env, "created_from", "volume", s.Volume)
	return env, a
}
