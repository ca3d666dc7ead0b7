package vsphere

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vim25/xml"

	"maestro.internal/sdk/httpclient"
	"maestro.internal/sdk/provider"
	"maestro.internal/sdk/resource"
)

func isNotAuthenticated(err error) bool { return fault.Is(err, (*types.NotAuthenticated)(nil)) }

// classify tells the SDK what an error of vCenter means: whether to try again, and how the scope ended. Errors
// that are classified already stay as they are.
func classify(err error) error {
	var known *provider.Error
	var request *url.Error
	if errors.As(err, &request) && errors.As(request.Err, &known) {
		return known // what the transport found, without the request around it
	}
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	if e := classifyFault(err); e != nil {
		return e
	}
	var other *httpclient.CertificateError
	if errors.As(err, &other) {
		shown := provider.CertificateOf(other.Shown)
		shown.Setting = "/thumbprint"
		return &provider.Error{
			Status: resource.StatusFailed, Err: err, Certificate: shown,
			Advice: "compare the server's certificate with its administrator and put its SHA-256 thumbprint into the settings",
		}
	}
	// A page that ends too early is a connection that was cut, where its length was not announced.
	var syntax *xml.SyntaxError
	if errors.As(err, &syntax) && strings.Contains(syntax.Msg, "unexpected EOF") {
		return provider.Unreachable(fmt.Errorf("the answer ends in its middle: %w", err))
	}
	err = httpclient.Classify(err)
	if errors.As(err, &known) {
		known.Advice = strings.ReplaceAll(known.Advice, "fingerprint", "thumbprint") // as vSphere calls it
		if known.Certificate != nil {
			known.Certificate.Setting = "/thumbprint"
		}
		return err
	}
	return provider.Permanent(err)
}

// sessionLimit recognises the fault by its text: it has no type of its own.
var sessionLimit = regexp.MustCompile(`(?i)(limit|maximum|too many|exceed).*session|session.*(limit|maximum|too many|exceed)`)

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
	case soap.IsSoapFault(err) && sessionLimit.MatchString(soap.ToSoapFault(err).String):
		return &provider.Error{Status: resource.StatusThrottled, Err: err, Advice: sessionAdvice}
	}
	return nil
}
