// Package blob keeps contents that people brought (pictures, files) by an opaque id, in the collector's own store, on the
// local disk or in any S3-compatible store. Where contents lie is a matter of how much there is of them and who shares them,
// so it is a choice of whoever runs the collector; what they mean is known elsewhere, and nothing that a person types ever
// becomes part of a path: ids are drawn here and tenants are folded into safe names.
package blob

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
)

// MaxContent is the most that one content may have, in bytes.
const MaxContent = 2 << 20

var (
	// ErrNotFound says that there is no such content.
	ErrNotFound = errors.New("there is no such content")
	// ErrTooLarge says that a content is longer than MaxContent.
	ErrTooLarge = fmt.Errorf("a content has at most %d MiB", MaxContent>>20)
	// ErrBadID says that an id is not one that NewID made.
	ErrBadID = errors.New("this is no id of a content")
)

// Store keeps contents. Every implementation passes blobtest.Run.
type Store interface {
	// Put keeps contents. Each is there whole or not at all, and the same again is no error. Where it fails, any of them may be there.
	Put(ctx context.Context, tenant string, contents ...Content) error
	// Get answers a content that Put kept, or ErrNotFound.
	Get(ctx context.Context, tenant, id string) ([]byte, error)
	// Delete removes contents; that one is not there is no error.
	Delete(ctx context.Context, tenant string, ids ...string) error
}

// Content is bytes under an id.
type Content struct {
	ID    string
	Bytes []byte
}

var (
	idForm     = regexp.MustCompile(`^[0-9a-f]{32}$`)
	tenantForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
)

// NewID draws an id that nobody can guess and that is never used twice.
func NewID() (string, error) {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		return "", fmt.Errorf("make id: %w", err)
	}
	return hex.EncodeToString(b), nil
}

// CheckID refuses what NewID did not make.
func CheckID(id string) error {
	if !idForm.MatchString(id) {
		return ErrBadID
	}
	return nil
}

// folder is a tenant as part of a path: itself where that is safe, else a name that no other tenant gets.
func folder(tenant string) string {
	if tenantForm.MatchString(tenant) {
		return tenant
	}
	sum := sha256.Sum256([]byte(tenant))
	return "_" + hex.EncodeToString(sum[:16])
}

func check(contents []Content) error {
	for _, c := range contents {
		if len(c.Bytes) > MaxContent {
			return ErrTooLarge
		}
		if err := CheckID(c.ID); err != nil {
			return err
		}
	}
	return nil
}
