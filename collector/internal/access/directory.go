package access

import (
	"context"
	"errors"
)

var (
	// ErrPasswordsOff says that passwords are not taken here, the break-glass administrator's excepted.
	ErrPasswordsOff = errors.New("passwords are switched off")
	// ErrDirectory says that the directory cannot be asked at the moment.
	ErrDirectory = errors.New("the directory does not answer")
)

// Directory checks passwords that are kept elsewhere.
type Directory interface {
	// Prove answers who has this name and password, ErrUnauthenticated for whatever is wrong with them, and another error when it
	// cannot be asked.
	Prove(ctx context.Context, username string, password Secret) (External, error)
	// Pretend does the same work for nobody: so that it cannot be told by the time whose password is kept here.
	Pretend(ctx context.Context, username string)
}

// takesPassword says whether the password that a user has here is taken.
func (s *Service) takesPassword(name string) bool {
	return s.opt.BreakGlass == "" || name == foldUsername(s.opt.BreakGlass)
}

// askDirectory asks it for whoever has no password of our own.
func (s *Service) askDirectory(ctx context.Context, own bool, name string, a Attempt) (x External, proven bool, err error) {
	if s.opt.Directory == nil {
		return x, false, nil
	}
	if own {
		s.opt.Directory.Pretend(ctx, name)
		return x, false, nil
	}
	x, err = s.opt.Directory.Prove(ctx, name, a.Password)
	switch {
	case err == nil:
		return x, true, nil
	case errors.Is(err, ErrUnauthenticated):
		return x, false, nil
	}
	s.opt.Log.Error("ask directory", "error", err)
	return x, false, ErrDirectory
}

// limitProvider are sign-ins by a provider that came to nothing, from one network.
const limitProvider = 60

func providerLimits(address string) []limit {
	return []limit{{"o|" + limitAddressOf(address), limitProvider}}
}

// TryProvider counts a browser that comes back from a provider as failed until ProviderAnswered: each costs questions to the
// provider.
func (s *Service) TryProvider(address string) error {
	return s.guardBy(providerLimits(address), s.now())
}

// ProviderAnswered takes back what TryProvider counted.
func (s *Service) ProviderAnswered(address string) { s.limiter.takeBack(providerLimits(address)) }
