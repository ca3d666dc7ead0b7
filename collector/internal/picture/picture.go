// Package picture keeps the pictures of users and teams and the logos of tenants. A picture is read and drawn anew, so that
// nothing that somebody brought is ever served back, and gets an id of its own: whoever has the id of the same tenant may
// see it, and browsers keep it for good, since another picture has another id.
//
// Whose picture is which is one row per owner, which names the content. A new content is announced by a row, then kept, then
// named by the owner's row, then the old one goes: whoever looks sees the one or the other, and what a crash leaves is a
// content that nobody names, which the sweeper removes.
package picture

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/blob"
	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
)

// ErrNotFound says that there is no such picture.
var ErrNotFound = store.ErrNotFound

// Owner is whose picture it is.
type Owner struct {
	// Kind is user, team or tenant, ID the folded user name or the object's id.
	Kind, ID string
}

// The kinds of owners.
const (
	User   = "user"
	Team   = "team"
	Tenant = "tenant"
)

// Picture is one that is kept.
type Picture struct {
	Owner Owner
	// ID of the content.
	ID          string
	ContentType string
	Size        int64
	At          time.Time
}

type pictureDoc struct {
	Kind    string     `json:"kind"`
	Owner   string     `json:"owner"`
	Content string     `json:"content"`
	Type    string     `json:"type"`
	Size    int64      `json:"size"`
	At      store.Time `json:"at"`
}

// contentDoc announces a content, and says what it is once it is served.
type contentDoc struct {
	Content   string     `json:"content"`
	Kind      string     `json:"kind"`
	Owner     string     `json:"owner"`
	Type      string     `json:"type"`
	WrittenAt store.Time `json:"written_at"`
}

const (
	picturesTable = "pictures"
	contentsTable = "picture_contents"
)

// grace is how old a content that nobody names must be to be removed: it may be about to be named.
const grace = time.Hour

var (
	fieldKind    = filter.Field{Path: []string{"kind"}, Type: filter.String}
	fieldWritten = filter.Field{Path: []string{"written_at"}, Type: filter.Time}
)

// Tables are the tables that the Service needs.
func Tables() []store.Table {
	return []store.Table{
		{Name: picturesTable, Indexes: []store.Index{{Name: "kind", Fields: []filter.Field{fieldKind}}}},
		{Name: contentsTable, Indexes: []store.Index{{Name: "written", Fields: []filter.Field{fieldWritten}}}},
	}
}

// Auditor records what was done.
type Auditor interface {
	Write(ctx context.Context, e audit.Entry) (id string, err error)
}

// Options of a Service.
type Options struct {
	Store    store.Store
	Contents blob.Store
	Audit    Auditor
	Clock    func() time.Time
	Log      *slog.Logger
}

// Service keeps pictures.
type Service struct {
	opt Options
	// slot is held while a picture is read: it takes memory by the pixel.
	slot chan struct{}

	mu sync.Mutex
	// swept is when contents were looked through last; guarded by mu.
	swept time.Time
}

// New makes a Service.
func New(opt Options) *Service {
	if opt.Clock == nil {
		opt.Clock = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{opt: opt, slot: make(chan struct{}, 1)}
}

// By is who does something, for the audit trail.
type By struct{ Tenant, Name, Address string }

// Set makes of a file the picture of an owner, in place of the one before. Whoever calls has asked whether by may.
func (s *Service) Set(ctx context.Context, by By, o Owner, name string, shape Shape, file []byte) (Picture, error) {
	encoded, contentType, err := s.recode(ctx, file, shape)
	if err != nil {
		return Picture{}, err
	}
	id, err := blob.NewID()
	if err != nil {
		return Picture{}, err
	}
	now := store.At(s.opt.Clock().UTC())
	if err := s.write(ctx, contentsTable, store.Insert, by.Tenant, contentKey(by.Tenant, id), contentDoc{Content: id, Kind: o.Kind, Owner: o.ID, Type: contentType, WrittenAt: now}); err != nil {
		return Picture{}, err
	}
	if err := s.opt.Contents.Put(ctx, by.Tenant, blob.Content{ID: id, Bytes: encoded}); err != nil {
		return Picture{}, err
	}
	before, err := s.Of(ctx, by.Tenant, o)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Picture{}, err
	}
	d := pictureDoc{Kind: o.Kind, Owner: o.ID, Content: id, Type: contentType, Size: int64(len(encoded)), At: now}
	if err := s.write(ctx, picturesTable, store.Put, by.Tenant, ownerKey(by.Tenant, o), d); err != nil {
		return Picture{}, err
	}
	s.discard(ctx, by.Tenant, before.ID)
	return d.picture(), s.audit(ctx, by, o, name, o.Kind+".set_picture", map[string]any{"size_bytes": d.Size})
}

// Remove takes the picture of an owner away; that there is none is no error.
func (s *Service) Remove(ctx context.Context, by By, o Owner, name string) error {
	before, err := s.Of(ctx, by.Tenant, o)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.forget(ctx, by.Tenant, o, before.ID); err != nil {
		return err
	}
	return s.audit(ctx, by, o, name, o.Kind+".remove_picture", nil)
}

// Forget is Remove without an entry in the audit trail, for an owner who is deleted.
func (s *Service) Forget(ctx context.Context, tenant string, o Owner) error {
	before, err := s.Of(ctx, tenant, o)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.forget(ctx, tenant, o, before.ID)
}

func (s *Service) forget(ctx context.Context, tenant string, o Owner, content string) error {
	if err := s.delete(ctx, picturesTable, tenant, ownerKey(tenant, o)); err != nil {
		return err
	}
	s.discard(ctx, tenant, content)
	return nil
}

// discard removes a content that nobody names any more. What does not work now the sweeper does later.
func (s *Service) discard(ctx context.Context, tenant, id string) {
	if id == "" {
		return
	}
	if err := s.drop(ctx, tenant, id); err != nil {
		s.opt.Log.Warn("remove picture", "error", err)
	}
}

func (s *Service) drop(ctx context.Context, tenant, id string) error {
	if err := s.opt.Contents.Delete(ctx, tenant, id); err != nil {
		return err
	}
	return s.delete(ctx, contentsTable, tenant, contentKey(tenant, id))
}

// Of is the picture of an owner, or ErrNotFound.
func (s *Service) Of(ctx context.Context, tenant string, o Owner) (Picture, error) {
	d, err := get[pictureDoc](ctx, s.opt.Store, picturesTable, tenant, ownerKey(tenant, o))
	return d.picture(), err
}

// All are the tenant's, of one kind of owner.
func (s *Service) All(ctx context.Context, tenant, kind string) ([]Picture, error) {
	var all []Picture
	q := store.Query{Table: picturesTable, Tenant: tenant, Where: filter.Compare{Field: fieldKind, Op: filter.Eq, Value: kind}}
	err := store.Each(ctx, s.opt.Store, q, func(row store.Row) error {
		var d pictureDoc
		if err := json.Unmarshal(row.Doc, &d); err != nil {
			return fmt.Errorf("decode picture: %w", err)
		}
		all = append(all, d.picture())
		return nil
	})
	return all, err
}

// Logos are those of all tenants, by tenant.
func (s *Service) Logos(ctx context.Context) (map[string]Picture, error) {
	logos := map[string]Picture{}
	q := store.Query{Table: picturesTable, AllTenants: true, Where: filter.Compare{Field: fieldKind, Op: filter.Eq, Value: Tenant}}
	err := store.Each(ctx, s.opt.Store, q, func(row store.Row) error {
		var d pictureDoc
		if err := json.Unmarshal(row.Doc, &d); err != nil {
			return fmt.Errorf("decode picture: %w", err)
		}
		if d.Owner == row.Tenant {
			logos[row.Tenant] = d.picture()
		}
		return nil
	})
	return logos, err
}

// Read answers a picture's content. One that is kept but cannot be had (a folder that was lost) is ErrNotFound too: people
// then see initials.
func (s *Service) Read(ctx context.Context, tenant, id string) (content []byte, contentType string, err error) {
	if blob.CheckID(id) != nil {
		return nil, "", ErrNotFound
	}
	d, err := get[contentDoc](ctx, s.opt.Store, contentsTable, tenant, contentKey(tenant, id))
	if err != nil {
		return nil, "", err
	}
	content, err = s.opt.Contents.Get(ctx, tenant, id)
	if errors.Is(err, blob.ErrNotFound) {
		return nil, "", ErrNotFound
	}
	return content, d.Type, err
}

// Sweep removes contents that nobody names, now and then.
func (s *Service) Sweep(ctx context.Context, now time.Time) error {
	s.mu.Lock()
	due := now.Sub(s.swept) >= grace
	if due {
		s.swept = now
	}
	s.mu.Unlock()
	if !due {
		return nil
	}
	old := filter.Compare{Field: fieldWritten, Op: filter.Lt, Value: now.Add(-grace).UTC().Format(store.TimeLayout)}
	return store.EachPage(ctx, s.opt.Store, store.Query{Table: contentsTable, AllTenants: true, Where: old}, func(rows []store.Row) error {
		for _, row := range rows {
			var d contentDoc
			if err := json.Unmarshal(row.Doc, &d); err != nil {
				return fmt.Errorf("decode picture: %w", err)
			}
			named, err := s.Of(ctx, row.Tenant, Owner{d.Kind, d.Owner})
			if err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			if named.ID == d.Content {
				continue
			}
			if err := s.drop(ctx, row.Tenant, d.Content); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d pictureDoc) picture() Picture {
	return Picture{Owner: Owner{d.Kind, d.Owner}, ID: d.Content, ContentType: d.Type, Size: d.Size, At: d.At.Time}
}

func ownerKey(tenant string, o Owner) string { return store.Key(tenant, o.Kind, o.ID) }

func contentKey(tenant, id string) string { return store.Key(tenant, id) }

func get[T any](ctx context.Context, r store.Reader, table, tenant, id string) (T, error) {
	var d T
	rows, err := r.Get(ctx, table, tenant, "", []string{id})
	if err != nil {
		return d, fmt.Errorf("read %s: %w", table, err)
	}
	row, ok := rows[id]
	if !ok {
		return d, fmt.Errorf("read %s: %w", table, ErrNotFound)
	}
	if err := json.Unmarshal(row.Doc, &d); err != nil {
		return d, fmt.Errorf("decode %s: %w", table, err)
	}
	return d, nil
}

func (s *Service) write(ctx context.Context, table string, op store.Op, tenant, id string, doc any) error {
	b, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("encode %s: %w", table, err)
	}
	return s.update(ctx, store.Write{Table: table, Op: op, Row: store.Row{ID: id, Tenant: tenant, Version: 1, Doc: b}})
}

func (s *Service) delete(ctx context.Context, table, tenant, id string) error {
	return s.update(ctx, store.Write{Table: table, Op: store.Delete, Row: store.Row{ID: id, Tenant: tenant}})
}

func (s *Service) update(ctx context.Context, w store.Write) error {
	err := s.opt.Store.Update(ctx, func(tx store.Tx) error {
		_, err := tx.Write(ctx, w)
		return err
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", w.Table, err)
	}
	return nil
}

func (s *Service) audit(ctx context.Context, by By, o Owner, name, action string, detail map[string]any) error {
	if _, err := s.opt.Audit.Write(ctx, audit.Entry{Tenant: by.Tenant, Actor: by.Name, Action: action, Address: by.Address,
		Object: &audit.Ref{ID: o.ID, Name: name, Kind: o.Kind}, Detail: detail}); err != nil {
		return fmt.Errorf("audit %s: %w", action, err)
	}
	return nil
}
