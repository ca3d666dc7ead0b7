package access

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"image/color"
	"slices"
	"strings"
	"time"

	"github.com/boombuler/barcode/qr"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"

	"maestro.internal/collector/internal/audit"
	"maestro.internal/collector/internal/store"
)

// A second factor is a secret that the user's authenticator shares with us (TOTP, RFC 6238), in a row of its own
// beside the user's, so that signing in with it does not disturb who edits the user.
type factorDoc struct {
	// Secret is sealed; empty until the first code confirmed it.
	Secret []byte     `json:"secret,omitempty"`
	Since  store.Time `json:"since"`
	// LastStep is the time step of the last code taken: it and those before are spent.
	LastStep int64 `json:"last_step,omitempty"`
	// Recovery are the codes left, as keyed hashes.
	Recovery []string `json:"recovery,omitempty"`
	// Pending is a sealed secret that waits for its first code.
	Pending      []byte     `json:"pending,omitempty"`
	PendingUntil store.Time `json:"pending_until"`
}

func (f factorDoc) active() bool { return len(f.Secret) > 0 }

const (
	factorStep    = 30
	factorSkew    = 1
	pendingLife   = 15 * time.Minute
	recoveryCodes = 10
	// limitCodes are of one user from anywhere: whoever gets here knows the password.
	limitCodes = 10
)

var (
	// ErrCodeWrong says that a code is none, or was used before.
	ErrCodeWrong = errors.New("the code is wrong or was used already")
	errNoVault   = &ConflictError{"This collector has no key to keep second factors under."}
)

// vault seals secrets and hashes recovery codes under a key of its own, so that the store alone gives away
// neither.
type vault struct{ key [32]byte }

func newVault(key []byte) *vault {
	if len(key) != 32 {
		return nil
	}
	return &vault{[32]byte(key)}
}

func (v *vault) aead() (cipher.AEAD, error) {
	block, err := aes.NewCipher(v.key[:])
	if err != nil {
		return nil, fmt.Errorf("seal second factor: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (v *vault) seal(secret, owner string) ([]byte, error) {
	aead, err := v.aead()
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, []byte(secret), []byte(owner)), nil
}

func (v *vault) open(sealed []byte, owner string) (string, error) {
	if v == nil {
		return "", errNoVault
	}
	aead, err := v.aead()
	if err != nil {
		return "", err
	}
	plain, err := aead.Open(nil, nil, sealed, []byte(owner))
	if err != nil {
		return "", fmt.Errorf("open second factor of %q: it was sealed under another master key", owner)
	}
	return string(plain), nil
}

func (v *vault) mark(code, owner string) string {
	m := hmac.New(sha256.New, v.key[:])
	m.Write([]byte("recovery code|" + owner + "|" + code))
	return hex.EncodeToString(m.Sum(nil))
}

// Enrolment is a second factor that waits for its first code.
type Enrolment struct {
	Secret Secret
	// URI is what the picture says.
	URI Secret
	// Rows of the picture, each a text of 0 and 1.
	Rows []string
}

func owner(tenant, name string) string { return store.Key(tenant, name) }

// factor reads a user's; the zero document when there is none.
func (s *Service) factor(ctx context.Context, tenant, name string) (store.Row, factorDoc, error) {
	none := store.Row{ID: name, Tenant: tenant}
	rows, err := s.opt.Store.Get(ctx, factorsTable, tenant, "", []string{name})
	if err != nil {
		return none, factorDoc{}, fmt.Errorf("read second factor: %w", err)
	}
	row, ok := rows[name]
	if !ok {
		return none, factorDoc{}, nil
	}
	f, err := decodeRow[factorDoc](row)
	return row, f, err
}

// writeFactor writes based on what was read; conflict says that somebody else was first.
func (s *Service) writeFactor(ctx context.Context, row store.Row, f factorDoc) (conflict bool, err error) {
	next, err := encodeRow(row.ID, row.Tenant, row.Version+1, f)
	if err != nil {
		return false, err
	}
	op := store.Replace
	if row.Version == 0 {
		op = store.Insert
	}
	if conflict, err = s.update(ctx, store.Write{Table: factorsTable, Op: op, Row: next}); err != nil {
		return false, fmt.Errorf("write second factor: %w", err)
	}
	return conflict, nil
}

// BeginFactor makes a secret for the caller's authenticator. Nothing is asked for until a code confirmed it.
func (s *Service) BeginFactor(ctx context.Context, c Caller, password Secret) (Enrolment, error) {
	c = c.atHome()
	_, d, err := s.person(ctx, c)
	if err != nil {
		return Enrolment{}, err
	}
	if s.vault == nil {
		return Enrolment{}, errNoVault
	}
	if err := s.provePassword(ctx, c, d, password); err != nil {
		return Enrolment{}, err
	}
	row, f, err := s.factor(ctx, c.Tenant, d.Username)
	if err != nil {
		return Enrolment{}, err
	}
	if f.active() {
		return Enrolment{}, &ConflictError{"You have a second factor already. Turn it off first."}
	}
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "Maestro", AccountName: d.Username, SecretSize: 20})
	if err != nil {
		return Enrolment{}, fmt.Errorf("make second factor: %w", err)
	}
	if f.Pending, err = s.vault.seal(key.Secret(), owner(c.Tenant, d.Username)); err != nil {
		return Enrolment{}, err
	}
	f.PendingUntil = store.At(s.now().Add(pendingLife))
	rows, err := picture(key.URL())
	if err != nil {
		return Enrolment{}, err
	}
	if conflict, err := s.writeFactor(ctx, row, f); err != nil || conflict {
		return Enrolment{}, errors.Join(err, &StaleError{})
	}
	return Enrolment{Secret: NewSecret(key.Secret()), URI: NewSecret(key.URL()), Rows: rows}, nil
}

func picture(text string) ([]string, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return nil, fmt.Errorf("draw QR code: %w", err)
	}
	b := code.Bounds()
	rows := make([]string, 0, b.Dy())
	for y := b.Min.Y; y < b.Max.Y; y++ {
		row := make([]byte, 0, b.Dx())
		for x := b.Min.X; x < b.Max.X; x++ {
			bit := byte('0')
			if code.At(x, y) == color.Black {
				bit = '1'
			}
			row = append(row, bit)
		}
		rows = append(rows, string(row))
	}
	return rows, nil
}

// ConfirmFactor takes the first code: from now on signing in asks for one. The recovery codes are answered this
// once.
func (s *Service) ConfirmFactor(ctx context.Context, c Caller, code string) ([]Secret, error) {
	c = c.atHome()
	_, d, err := s.person(ctx, c)
	if err != nil {
		return nil, err
	}
	row, f, err := s.factor(ctx, c.Tenant, d.Username)
	if err != nil {
		return nil, err
	}
	now := s.now()
	if len(f.Pending) == 0 || !now.Before(f.PendingUntil.Time) {
		return nil, &ConflictError{"No second factor waits for its first code. Begin again."}
	}
	limits := codeLimits(c.Tenant, d.Username)
	if err := s.guardBy(limits, now); err != nil {
		return nil, err
	}
	own := owner(c.Tenant, d.Username)
	secret, err := s.vault.open(f.Pending, own)
	if err != nil {
		return nil, err
	}
	step, err := stepOf(secret, code, now, 0)
	if err != nil {
		return nil, err
	}
	if step == 0 {
		return nil, &InvalidError{Field: "code", Problem: "is not what the authenticator shows now; check this machine's clock and the phone's"}
	}
	codes, marks, err := s.makeCodes(own)
	if err != nil {
		return nil, err
	}
	f = factorDoc{Secret: f.Pending, Since: store.At(now), LastStep: step, Recovery: marks}
	conflict, err := s.writeFactor(ctx, row, f)
	if err != nil {
		return nil, err
	}
	if conflict {
		return nil, &StaleError{}
	}
	s.limiter.forgive(limits)
	if err := s.auditUser(ctx, c, "second_factor.set_up", d, nil); err != nil {
		return nil, err
	}
	s.tell(c.Tenant, d, d.Email, notice{what: "factor_on", address: c.Address, browser: c.Browser})
	return codes, s.markSession(ctx, c)
}

// markSession notes that the caller's session has shown the second factor.
func (s *Service) markSession(ctx context.Context, c Caller) error {
	rows, err := s.opt.Store.Get(ctx, sessionsTable, c.Tenant, "", []string{c.Session})
	if err != nil {
		return fmt.Errorf("read session: %w", err)
	}
	row, ok := rows[c.Session]
	if !ok {
		return nil
	}
	sd, err := decodeRow[sessionDoc](row)
	if err != nil {
		return err
	}
	sd.Factor = true
	s.touch(ctx, sessionsTable, row, sd)
	return nil
}

// StopFactor turns the caller's own off.
func (s *Service) StopFactor(ctx context.Context, c Caller, password Secret, code string) error {
	c = c.atHome()
	_, d, err := s.person(ctx, c)
	if err != nil {
		return err
	}
	if s.mustHaveFactor(c) {
		return &ConflictError{"Administrators of this installation must have a second factor. Another administrator can reset yours, so that you set up a new one."}
	}
	if err := s.provePassword(ctx, c, d, password); err != nil {
		return err
	}
	with, err := s.checkFactor(ctx, c.Tenant, d.Username, Attempt{Code: code, Address: c.Address})
	if errors.Is(err, ErrCodeNeeded) || errors.Is(err, ErrCodeWrong) {
		return &InvalidError{Field: "code", Problem: "is wrong or was used already"}
	}
	if err != nil {
		return err
	}
	if !with {
		return &ConflictError{"You have no second factor."}
	}
	return s.dropFactor(ctx, c, d, "second_factor.turn_off")
}

// ResetFactor takes the second factor from a user who lost it.
func (s *Service) ResetFactor(ctx context.Context, c Caller, username string) error {
	_, d, err := s.user(ctx, c.Tenant, foldUsername(username))
	if err != nil {
		return err
	}
	if isSelf(c, d) {
		return &ConflictError{"Turn your own second factor off in your account, with password and code."}
	}
	if err := s.mustOutrank(ctx, c, d); err != nil {
		return err
	}
	return s.dropFactor(ctx, c, d, "second_factor.reset")
}

func (s *Service) dropFactor(ctx context.Context, c Caller, d userDoc, action string) error {
	if _, err := s.update(ctx, store.Write{Table: factorsTable, Op: store.Delete, Row: store.Row{ID: d.Username, Tenant: c.Tenant}}); err != nil {
		return fmt.Errorf("delete second factor of %s: %w", d.Username, err)
	}
	s.tell(c.Tenant, d, d.Email, notice{what: "factor_off", address: c.Address, browser: c.Browser})
	return s.auditUser(ctx, c, action, d, nil)
}

// Factor says since when the caller has a second factor, and how many recovery codes are left.
func (s *Service) Factor(ctx context.Context, c Caller) (since time.Time, codesLeft int, err error) {
	c = c.atHome()
	_, d, err := s.person(ctx, c)
	if err != nil {
		return time.Time{}, 0, err
	}
	_, f, err := s.factor(ctx, c.Tenant, d.Username)
	if !f.active() {
		return time.Time{}, 0, err
	}
	return f.Since.Time, len(f.Recovery), err
}

func codeLimits(tenant, name string) []limit {
	return []limit{{"c|" + owner(tenant, name), limitCodes}}
}

// checkFactor asks for a code from whoever has a second factor. A code is spent by one write that only one of
// two who bring it at once wins.
func (s *Service) checkFactor(ctx context.Context, tenant, name string, a Attempt) (with bool, err error) {
	row, f, err := s.factor(ctx, tenant, name)
	if err != nil || !f.active() {
		return false, err
	}
	if strings.TrimSpace(a.Code) == "" {
		return false, ErrCodeNeeded
	}
	now, limits := s.now(), codeLimits(tenant, name)
	if err := s.guardBy(limits, now); err != nil {
		return false, err
	}
	recovery, ok, err := s.spend(tenant, name, &f, a.Code, now)
	if err != nil {
		return false, err
	}
	if ok {
		conflict, err := s.writeFactor(ctx, row, f)
		if err != nil {
			return false, err
		}
		ok = !conflict
	}
	if !ok {
		e := audit.Entry{Tenant: tenant, Actor: "user:" + name, Action: "second_factor.check", Outcome: audit.Refused, Address: a.Address}
		return false, errors.Join(ErrCodeWrong, s.audit(ctx, e))
	}
	s.limiter.forgive(limits)
	if !recovery {
		return true, nil
	}
	return true, s.audit(ctx, audit.Entry{Tenant: tenant, Actor: "user:" + name, Action: "second_factor.use_recovery_code", Address: a.Address,
		Detail: map[string]any{"left": len(f.Recovery)}})
}

func (s *Service) spend(tenant, name string, f *factorDoc, code string, now time.Time) (recovery, ok bool, err error) {
	own := owner(tenant, name)
	secret, err := s.vault.open(f.Secret, own)
	if err != nil {
		return false, false, err
	}
	step, err := stepOf(secret, code, now, f.LastStep)
	if err != nil {
		return false, false, err
	}
	if step > 0 {
		f.LastStep = step
		return false, true, nil
	}
	mark := s.vault.mark(plainCode(code), own)
	at := -1
	for i, m := range f.Recovery {
		if subtle.ConstantTimeCompare([]byte(m), []byte(mark)) == 1 {
			at = i
		}
	}
	if at < 0 {
		return false, false, nil
	}
	f.Recovery = slices.Delete(f.Recovery, at, at+1)
	return true, true, nil
}

// stepOf answers the time step that a code is of, one step to either side allowed; 0 when it is of none after
// last.
func stepOf(secret, code string, now time.Time, last int64) (int64, error) {
	code = strings.ReplaceAll(strings.TrimSpace(code), " ", "")
	var found int64
	at := now.Unix() / factorStep
	for step := at - factorSkew; step <= at+factorSkew; step++ {
		want, err := hotp.GenerateCodeCustom(secret, uint64(step), hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1}) //nolint:gosec // time is after 1970
		if err != nil {
			return 0, fmt.Errorf("compute code: %w", err)
		}
		if subtle.ConstantTimeCompare([]byte(want), []byte(code)) == 1 && step > last {
			found = step
		}
	}
	return found, nil
}

// plainCode is a recovery code as it is hashed: without what people add or leave out when they type it.
func plainCode(code string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(strings.TrimSpace(code)))
}
