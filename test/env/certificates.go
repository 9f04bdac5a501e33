package env

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Authority signs certificates for a test.
type Authority struct {
	// CA is the file of its own certificate.
	CA string

	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	dir         string
}

// NewAuthority makes an authority that no other test trusts.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	a := &Authority{dir: t.TempDir()}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "a test's authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}
	a.CA, _ = a.issue(t, "ca", template)
	return a
}

// Issue returns the files of a certificate and of its key, for servers and clients. The certificate names one host: a
// name or an IP address.
func (a *Authority) Issue(t testing.TB, host string) (certificate, key string) {
	t.Helper()
	template := &x509.Certificate{
		Subject:     pkix.Name{CommonName: host},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if ip := net.ParseIP(host); ip != nil {
		template.IPAddresses = []net.IP{ip}
	} else {
		template.DNSNames = []string{host}
	}
	return a.issue(t, host, template)
}

// Settings make Foyer trust Redis servers of the authority, and show them a certificate.
func (a *Authority) Settings(t testing.TB) []string {
	t.Helper()
	certificate, key := a.Issue(t, "foyer")
	return []string{"REDIS_CA_FILE=" + a.CA, "REDIS_CERT_FILE=" + certificate, "REDIS_KEY_FILE=" + key}
}

// Client is the TLS configuration of a client that trusts the authority and has a certificate of it.
func (a *Authority) Client(t testing.TB) *tls.Config {
	t.Helper()
	certificate, err := tls.LoadX509KeyPair(a.Issue(t, "client"))
	must(t, err)
	authority, err := os.ReadFile(a.CA)
	must(t, err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	return &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{certificate}}
}

// issue signs with the authority's key. The first certificate is the authority's own.
func (a *Authority) issue(
	t testing.TB, name string, template *x509.Certificate,
) (certificate, key string) {
	t.Helper()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62))
	must(t, err)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	if a.certificate == nil {
		a.certificate, a.key = template, own
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, a.certificate, own.Public(), a.key)
	must(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(own)
	must(t, err)
	return a.write(t, name+".pem", "CERTIFICATE", signed), a.write(t, name+".key", "PRIVATE KEY", secret)
}

func (a *Authority) write(t testing.TB, name, kind string, content []byte) string {
	t.Helper()
	file := filepath.Join(a.dir, name)
	text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content})
	must(t, os.WriteFile(file, text, 0o600))
	return file
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
