package bucket

import (
	"fmt"
	"net/http"
	"net/url"

	"github.com/minio/minio-go/v7/pkg/signer"
)

// emptySHA256 is the hash of an empty body.
const emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// Signed is a signed request to the storage. Everybody who has it can send it, for about 15 minutes.
type Signed struct {
	// Host is the Host header, Path the path. Both are signed too.
	Host, Path string
	// Header has Authorization, X-Amz-Date, X-Amz-Content-Sha256 and, with temporary credentials, X-Amz-Security-Token.
	// Nothing else is signed, so a Range can be added.
	Header http.Header
}

// Sign signs a GET or HEAD request for one object (AWS Signature Version 4). It sends no request.
func (b *Bucket) Sign(method, key string) (Signed, error) {
	if method != http.MethodGet && method != http.MethodHead {
		return Signed{}, fmt.Errorf("sign a %s of object %s: only GET and HEAD", method, key)
	}
	at := *b.endpoint
	at.Path = "/" + b.Name() + "/" + key
	request := http.Request{
		Method: method, URL: &at, Host: at.Host,
		Header: http.Header{"X-Amz-Content-Sha256": {emptySHA256}},
	}
	s := b.settings
	signed := signer.SignV4(request, s.AccessKey, s.SecretKey, s.SessionToken, s.Region)
	return Signed{Host: at.Host, Path: (&url.URL{Path: at.Path}).EscapedPath(), Header: signed.Header}, nil
}
