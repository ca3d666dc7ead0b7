package access

import "context"

// Administers says whether the caller may decide who has what right on something, and himself holds all that could be given there.
func (c Caller) Administers(roots []string) bool {
	return Decide(c, ManageGrants, Object{Tenant: c.Tenant, Roots: roots}) == Allowed && c.holds(RightAdmin, roots)
}

// Take takes grants back without an entry of their own in the audit trail: whoever calls it writes one for all of them. Those that are not
// there any more are no error, so that it can be done again.
func (s *Service) Take(ctx context.Context, tenant string, grants []string) error {
	if len(grants) == 0 {
		return nil
	}
	return s.drop(ctx, grantsTable, tenant, grants...)
}
