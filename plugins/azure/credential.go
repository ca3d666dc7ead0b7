package azure

import (
	"bufio"
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"maestro.internal/sdk/httpclient"
	"maestro.internal/sdk/provider"
)

// The ways to sign in.
const (
	byAuto             = "auto"
	bySecret           = "client_secret"
	byCertificate      = "client_certificate"
	byManagedIdentity  = "managed_identity"
	byWorkloadIdentity = "workload_identity"
	byCLI              = "cli"
)

// The variables of a credential, by the names that Azure's own tools use.
const (
	envTenant       = "AZURE_TENANT_ID"
	envClient       = "AZURE_CLIENT_ID"
	envSecret       = "AZURE_CLIENT_SECRET"
	envCertificate  = "AZURE_CLIENT_CERTIFICATE"
	envCertPath     = "AZURE_CLIENT_CERTIFICATE_PATH"
	envCertPassword = "AZURE_CLIENT_CERTIFICATE_PASSWORD"
	envToken        = "AZURE_FEDERATED_TOKEN_FILE"
	envConfig       = "AZURE_CONFIG_DIR"
)

func credentialVariables() []provider.EnvVar {
	return []provider.EnvVar{
		{Name: envTenant, Title: "Tenant", Help: "The tenant to sign in to, unless the settings name it.", Sealable: true},
		{Name: envClient, Title: "Application (client) id", Help: "The application's (client) id, unless the settings name it.", Sealable: true},
		{Name: envSecret, Title: "Client secret", Help: "A client secret of the app registration.", Secret: true},
		{Name: envCertificate, Title: "Certificate with its key", Help: "A certificate with its private key, PEM, instead of a secret.", Secret: true},
		{Name: envCertPath, Title: "Certificate's file", Help: "The path of a file with a certificate and its private key, PEM or PKCS #12, instead of a secret."},
		{Name: envCertPassword, Title: "Password of the certificate's file", Help: "The password of the certificate's file.", Secret: true},
		{Name: envToken, Title: "File with a federated token", Help: "The path of a file with a federated token (workload identity), as Kubernetes mounts it."},
		{Name: envConfig, Title: "Folder of the Azure CLI's sign-in", Help: "The folder of the Azure CLI's sign-in, when it is the one to use: /home/maestro/.azure."},
		{Name: "IDENTITY_ENDPOINT", Title: "Address of the managed identity", Help: "For a managed identity outside a virtual machine (App Service, Azure Arc), as its host sets it."},
		{Name: "IDENTITY_HEADER", Title: "Header of the managed identity", Help: "Beside IDENTITY_ENDPOINT.", Secret: true},
		{Name: "IMDS_ENDPOINT", Title: "Address of the metadata service", Help: "Beside IDENTITY_ENDPOINT, for Azure Arc."},
	}
}

// remembering keeps the last error of the connection to the sign-in service, whose type azidentity loses.
type remembering struct {
	base *http.Client

	mu   sync.Mutex
	last error
}

func (r *remembering) Do(req *http.Request) (*http.Response, error) {
	resp, err := r.base.Do(req)
	if err == nil {
		resp, err = noPage(resp)
	}
	r.mu.Lock()
	r.last = err
	r.mu.Unlock()
	return resp, err
}

// noPage refuses the web page of some proxy that answers in the place of the sign-in service. The library would say that
// it is no JSON, which is taken for a wrong credential.
func noPage(resp *http.Response) (*http.Response, error) {
	if resp.StatusCode/100 != 2 {
		return resp, nil
	}
	start := bufio.NewReaderSize(resp.Body, 2048)
	head, _ := start.Peek(2048) // an answer is shorter, and what breaks off is for whoever reads on
	var page *provider.Error
	if errors.As(httpclient.Answer(resp.StatusCode, resp.Header, head, nil), &page) {
		_ = resp.Body.Close() // what else it would say is of no use
		return nil, page
	}
	resp.Body = struct {
		io.Reader
		io.Closer
	}{start, resp.Body}
	return resp, nil
}

func (r *remembering) problem() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

// credential is how to get tokens. It makes no request itself.
func credential(s settings, transport policy.Transporter) (azcore.TokenCredential, error) {
	options := azcore.ClientOptions{Cloud: s.cloud, Transport: transport, Retry: policy.RetryOptions{MaxRetries: -1}}
	how := s.Authentication
	if how == "" || how == byAuto {
		how = chosen()
	}
	tenant, client := s.TenantID, os.Getenv(envClient)
	if tenant == "" {
		tenant = os.Getenv(envTenant)
	}
	if client == "" {
		client = s.ClientID
	}
	if needsNames := how == bySecret || how == byCertificate || how == byWorkloadIdentity; needsNames {
		switch {
		case tenant == "":
			return nil, &provider.SettingsError{Pointer: "/tenant_id", Problem: "is missing, in the settings and in the credential"}
		case client == "":
			return nil, &provider.SettingsError{Pointer: "/client_id", Problem: "is missing, in the settings and in the credential"}
		}
	}
	// Private clouds are unknown to the public service that tells sign-in addresses.
	private := s.Cloud == "custom"
	var made azcore.TokenCredential
	var err error
	switch how {
	case bySecret:
		secret := os.Getenv(envSecret)
		if secret == "" {
			return nil, noCredential(envSecret)
		}
		made, err = azidentity.NewClientSecretCredential(tenant, client, secret, &azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: private})
	case byCertificate:
		chain, key, cerr := certificate()
		if cerr != nil {
			return nil, cerr
		}
		made, err = azidentity.NewClientCertificateCredential(tenant, client, chain, key,
			&azidentity.ClientCertificateCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: private, SendCertificateChain: true})
	case byWorkloadIdentity:
		if os.Getenv(envToken) == "" {
			return nil, noCredential(envToken)
		}
		made, err = azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: options, ClientID: client, TenantID: tenant, TokenFilePath: os.Getenv(envToken), DisableInstanceDiscovery: private,
		})
	case byManagedIdentity:
		o := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: options}
		if client != "" {
			o.ID = azidentity.ClientID(client)
		}
		made, err = azidentity.NewManagedIdentityCredential(o)
	case byCLI:
		made, err = azidentity.NewAzureCLICredential(&azidentity.AzureCLICredentialOptions{TenantID: tenant})
	default:
		return nil, provider.Denied(errors.New("the credential holds nothing to sign in with"),
			fmt.Sprintf("give the credential %s, %s or %s, or choose managed identity or CLI in the settings", envSecret, envCertPath, envToken))
	}
	if err != nil {
		return nil, provider.Denied(fmt.Errorf("use the credential: %w", err), "check the ids of tenant and application")
	}
	return made, nil
}

// chosen is the way that the credential's variables ask for.
func chosen() string {
	for _, c := range []struct{ variable, how string }{
		{envSecret, bySecret}, {envCertificate, byCertificate}, {envCertPath, byCertificate}, {envToken, byWorkloadIdentity}, {envConfig, byCLI},
	} {
		if os.Getenv(c.variable) != "" {
			return c.how
		}
	}
	return ""
}

func noCredential(variable string) error {
	return provider.Denied(errors.New("the credential holds nothing to sign in with"), "give the credential "+variable)
}

// certificate reads the certificate and its key from the credential.
func certificate() ([]*x509.Certificate, crypto.PrivateKey, error) {
	text := []byte(os.Getenv(envCertificate))
	if len(text) == 0 {
		file := os.Getenv(envCertPath)
		if file == "" {
			return nil, nil, noCredential(envCertPath)
		}
		var err error
		if text, err = os.ReadFile(file); err != nil {
			return nil, nil, provider.Denied(fmt.Errorf("read certificate: %w", err), "check "+envCertPath+" and the rights of the file")
		}
	}
	chain, key, err := azidentity.ParseCertificates(text, []byte(os.Getenv(envCertPassword)))
	if err != nil {
		// The library's words may quote what it could not read.
		return nil, nil, provider.Denied(errors.New("the certificate cannot be read"), "it must hold a certificate and its private key, PEM or PKCS #12, with the password in "+envCertPassword)
	}
	return chain, key, nil
}
