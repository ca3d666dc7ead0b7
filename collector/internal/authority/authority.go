// Package authority is the collector's own certificate authority: it lets agents in, proves the collector to them and
// signs what they are told to run. There is no other trust between the two, so that neither a public authority nor a
// site's own has to be set up or can be mistaken.
//
// Its key lies in the store, encrypted under a key file that every collector of the installation is given: the store
// alone, or a backup of it, lets nobody in. Several authorities may be trusted at a time, so that one can follow another.
package authority

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"time"

	"maestro.internal/collector/internal/filter"
	"maestro.internal/collector/internal/store"
	"maestro.internal/internal/protocol"
)

const table = "authorities"

const (
	rootLife   = 10 * 365 * 24 * time.Hour
	serverLife = 90 * 24 * time.Hour
	// skew is how far a clock may be behind when it reads a fresh certificate.
	skew = 5 * time.Minute
)

// ErrForeign says that a certificate was not issued by this authority, for an agent, or is not valid now.
var ErrForeign = errors.New("certificate is not of an agent of this collector")

// Authority issues certificates and signs assignments.
type Authority struct {
	store  store.Store
	key    Key
	clock  func() time.Time
	active root
	roots  []*x509.Certificate
}

type root struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

type doc struct {
	CreatedAt store.Time `json:"created_at"`
	NotAfter  store.Time `json:"not_after"`
	// State is active for the one that issues, trusted for one that has been followed by another.
	State       string `json:"state"`
	Certificate []byte `json:"certificate"`
}

// Tables are the tables that the Authority needs.
func Tables() []store.Table {
	return []store.Table{{Name: table, Indexes: []store.Index{
		{Name: "state", Fields: []filter.Field{{Path: []string{"state"}, Type: filter.String}}}}}}
}

// Open loads the authorities, and makes the first one in a new installation.
func Open(ctx context.Context, st store.Store, key Key, clock func() time.Time) (*Authority, error) {
	a := &Authority{store: st, key: key, clock: clock}
	found, err := a.load(ctx)
	if err == nil && !found {
		if err = a.create(ctx); err == nil {
			found, err = a.load(ctx)
		}
	}
	if err == nil && !found {
		err = errors.New("no authority is active")
	}
	if err != nil {
		return nil, fmt.Errorf("open authority: %w", err)
	}
	return a, nil
}

func (a *Authority) load(ctx context.Context) (found bool, err error) {
	page, err := a.store.Find(ctx, store.Query{Table: table, WithBlob: true})
	if err != nil {
		return false, err
	}
	a.roots = nil
	for _, row := range page.Rows {
		var d doc
		if err := json.Unmarshal(row.Doc, &d); err != nil {
			return false, fmt.Errorf("decode authority %s: %w", row.ID, err)
		}
		cert, err := x509.ParseCertificate(d.Certificate)
		if err != nil {
			return false, fmt.Errorf("read certificate of authority %s: %w", row.ID, err)
		}
		a.roots = append(a.roots, cert)
		if d.State != "active" {
			continue
		}
		key, err := unseal(a.key, row.ID, row.Blob)
		if err != nil {
			return false, fmt.Errorf("read key of authority %s: %w", row.ID, err)
		}
		a.active, found = root{cert, key}, true
	}
	return found, nil
}

// create makes the first authority. Of two collectors that start together one inserts it; both load it afterwards.
func (a *Authority) create(ctx context.Context) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make key: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return err
	}
	now := a.clock()
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Maestro collector authority"},
		NotBefore: now.Add(-skew), NotAfter: now.Add(rootLife), IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return fmt.Errorf("make certificate: %w", err)
	}
	const id = "000001"
	sealed, err := sealKey(a.key, id, key)
	if err != nil {
		return err
	}
	b, err := json.Marshal(doc{CreatedAt: store.At(now), NotAfter: store.At(template.NotAfter), State: "active", Certificate: der})
	if err != nil {
		return err
	}
	return a.store.Update(ctx, func(tx store.Tx) error {
		_, err := tx.Write(ctx, store.Write{Table: table, Op: store.Insert, Row: store.Row{ID: id, Version: 1, Doc: b, Blob: sealed}})
		return err
	})
}

func newSerial() (*big.Int, error) {
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("make serial number: %w", err)
	}
	return n, nil
}

// Fingerprint is what join tokens carry.
func (a *Authority) Fingerprint() [sha256.Size]byte { return protocol.Fingerprint(a.active.cert) }

// Signer signs assignments.
func (a *Authority) Signer() crypto.Signer { return a.active.key }

// Certificates are those to trust, two while one follows the other.
func (a *Authority) Certificates() []*x509.Certificate { return a.roots }

func (a *Authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	for _, c := range a.roots {
		pool.AddCert(c)
	}
	return pool
}

func sealKey(master Key, id string, key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	return master.seal(der, "authority "+id)
}

func unseal(master Key, id string, sealed []byte) (*ecdsa.PrivateKey, error) {
	der, err := master.open(sealed, "authority "+id)
	if err != nil {
		return nil, err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("decode key: %w", err)
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("decode key: it is of another kind")
	}
	return ec, nil
}
