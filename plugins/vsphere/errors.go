package vsphere

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/vim25/types"

	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

func isNotAuthenticated(err error) bool { return fault.Is(err, (*types.NotAuthenticated)(nil)) }

// classify tells the SDK what an error of vCenter means: whether to try again, and how the scope ended. Errors
// that are classified already stay as they are.
func classify(err error) error {
	var known *provider.Error
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if e := classifyFault(err); e != nil {
		return e
	}
	if e := classifyCertificate(err); e != nil {
		return e
	}
	var status *url.Error
	if errors.As(err, &status) {
		if e := classifyStatus(err, status.Err.Error()); e != nil {
			return e
		}
	}
	var network net.Error
	if errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return provider.Unreachable(err)
	}
	return provider.Permanent(err)
}

func classifyFault(err error) error {
	var denied *types.NoPermission
	switch {
	case fault.Is(err, (*types.InvalidLogin)(nil)):
		return provider.Denied(errors.New("vCenter refuses the user name or password"), "check the credential, and that the user is not locked")
	case fault.Is(err, (*types.NotAuthenticated)(nil)):
		return provider.Denied(errors.New("vCenter has ended the session"), "check whether an administrator or a limit of sessions ends it")
	case fault.Is(err, (*types.NoPermission)(nil)):
		privilege, where := "System.Read", ""
		if _, ok := fault.As(err, &denied); ok {
			if denied.PrivilegeId != "" {
				privilege = denied.PrivilegeId
			}
			if denied.Object != nil {
				where = " on " + denied.Object.Value
			}
		}
		return provider.Denied(fmt.Errorf("the privilege %s%s is missing", privilege, where),
			fmt.Sprintf("give the user the role Read-only (%s) on the datacenter, with propagation", privilege))
	case fault.Is(err, (*types.NotSupported)(nil)), fault.Is(err, (*types.MethodNotFound)(nil)):
		return provider.Unsupported(err)
	case fault.Is(err, (*types.HostCommunication)(nil)), fault.Is(err, (*types.HostNotReachable)(nil)), fault.Is(err, (*types.Timedout)(nil)):
		return provider.Unreachable(err)
	}
	return nil
}

func classifyCertificate(err error) error {
	var untrusted x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verification *tls.CertificateVerificationError
	if !errors.Is(err, errThumbprint) && !errors.As(err, &untrusted) && !errors.As(err, &hostname) && !errors.As(err, &invalid) && !errors.As(err, &verification) {
		return nil
	}
	return &provider.Error{
		Status: resource.StatusFailed, Err: err,
		Advice: "compare the server's certificate with its administrator and put its SHA-256 thumbprint into the settings",
	}
}

// classifyStatus reads an HTTP status, of which the library keeps only the text: "503 Service Unavailable".
func classifyStatus(err error, text string) error {
	number, _, _ := strings.Cut(text, " ")
	code, convErr := strconv.Atoi(number)
	switch {
	case convErr != nil || code < 400 || code > 599:
		return nil
	case code == 401 || code == 403:
		return provider.Denied(err, "something before vCenter refuses the call, perhaps a proxy")
	case code == 429:
		return provider.Throttled(err, 0)
	case code == 404:
		return &provider.Error{Status: resource.StatusFailed, Err: err, Advice: "check the address: vCenter answers at /sdk"}
	case code >= 500:
		return provider.Unreachable(err)
	}
	return provider.Permanent(err)
}
