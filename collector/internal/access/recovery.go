package access

import (
	"context"
	"errors"
)

// makeCodes makes recovery codes and what is kept of them.
func (s *Service) makeCodes(owner string) (codes []Secret, marks []string, err error) {
	for range recoveryCodes {
		p, err := generatePassword()
		if err != nil {
			return nil, nil, err
		}
		codes, marks = append(codes, p), append(marks, s.vault.mark(plainCode(p.Reveal()), owner))
	}
	return codes, marks, nil
}

// NewRecoveryCodes makes fresh ones in place of those that there are, for somebody who has few left or fears that others have them.
// Password and code are asked for again.
func (s *Service) NewRecoveryCodes(ctx context.Context, c Caller, password Secret, code string) ([]Secret, error) {
	c = c.atHome()
	_, d, err := s.person(ctx, c)
	if err != nil {
		return nil, err
	}
	if s.vault == nil {
		return nil, errNoVault
	}
	if err := s.provePassword(ctx, c, d, password); err != nil {
		return nil, err
	}
	with, err := s.checkFactor(ctx, c.Tenant, d.Username, Attempt{Code: code, Address: c.Address})
	if errors.Is(err, ErrCodeNeeded) || errors.Is(err, ErrCodeWrong) {
		return nil, &InvalidError{Field: "code", Problem: "is wrong or was used already"}
	}
	if err != nil {
		return nil, err
	}
	if !with {
		return nil, &ConflictError{"You have no second factor, and so no recovery codes."}
	}
	row, f, err := s.factor(ctx, c.Tenant, d.Username)
	if err != nil {
		return nil, err
	}
	codes, marks, err := s.makeCodes(owner(c.Tenant, d.Username))
	if err != nil {
		return nil, err
	}
	f.Recovery = marks
	conflict, err := s.writeFactor(ctx, row, f)
	if err != nil {
		return nil, err
	}
	if conflict {
		return nil, &StaleError{}
	}
	s.tell(c.Tenant, d, d.Email, notice{what: "recovery_codes", address: c.Address, browser: c.Browser})
	return codes, s.auditUser(ctx, c, "second_factor.new_recovery_codes", d, nil)
}
