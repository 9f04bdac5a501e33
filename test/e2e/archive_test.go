package e2e

import (
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"foyer/ent"
	"foyer/ent/database"
	"foyer/ent/recording"
	"foyer/ent/schema"
	"foyer/test/env"
)

// archive is Foyer behind nginx, with a bucket of recordings and a room that has some.
type archive struct {
	*server
	nginx  *env.Nginx
	bucket env.S3Bucket
	db     *database.DB
	// environ are the settings of the server's stores.
	environ []string

	host, stranger string // their tokens
	roomID         string
}

// newArchive starts everything on a bucket, with more environment.
func newArchive(t testing.TB, bucket env.S3Bucket, environ ...string) *archive {
	t.Helper()
	a := &archive{bucket: bucket, environ: append(shared(t), environ...)}
	a.server = startServer(t, slices.Concat(a.environ, bucket.Environ(),
		[]string{"FOYER_MEDIA_SECRET=" + mediaSecret}, environ)...)
	certificate := secured(t, http.NotFoundHandler()).Certificate() // nginx needs a certificate, also for plain http
	a.nginx = startNginx(t, a.url, bucket.Endpoint, certificate)
	var err error
	a.db, err = database.Open(strings.TrimPrefix(a.environ[0], "DATABASE_URL="), 2)
	require.NoError(t, err)
	t.Cleanup(func() { a.db.Close() })
	a.host, a.stranger = a.login("Olga Owner"), a.login("Sam Stranger")
	a.roomID = a.room(a.host, object{"slug": "weekly-" + testID()[:8]})
	return a
}

// startNginx starts nginx with the shipped settings in front of Foyer and a storage with a certificate.
func startNginx(t testing.TB, foyer, storage string, ca *x509.Certificate) *env.Nginx {
	t.Helper()
	scheme, address, _ := strings.Cut(storage, "://")
	return startNginxWith(t, ca, map[string]string{
		"NGINX_LOCAL_RESOLVERS": "127.0.0.1", // no name server: the test uses no names
		"FOYER_ADDRESS":         strings.TrimPrefix(foyer, "http://"),
		"FOYER_MEDIA_SECRET":    mediaSecret,
		"S3_SCHEME":             scheme, "S3_ADDRESS": address,
	})
}

// startNginxWith puts an environment into the settings, as the nginx image does.
func startNginxWith(
	t testing.TB, ca *x509.Certificate, environment map[string]string,
) *env.Nginx {
	t.Helper()
	config, err := os.ReadFile(nginxFile)
	require.NoError(t, err)
	return env.StartNginx(t, func(port int, dir string) string {
		caFile := filepath.Join(dir, "ca.pem")
		block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw})
		require.NoError(t, os.WriteFile(caFile, block, 0o600))
		here := []string{"${NGINX_LISTEN}", "127.0.0.1:" + strconv.Itoa(port), "${S3_CA_FILE}", caFile}
		for name, value := range environment {
			here = append(here, "${"+name+"}", value)
		}
		return strings.NewReplacer(here...).Replace(string(config))
	})
}

// secured serves https as example.com, with a self-signed certificate.
func secured(t testing.TB, handler http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewTLSServer(handler)
	t.Cleanup(s.Close)
	return s
}

// saved stores a recording with its file, with a change of the test.
func (a *archive) saved(change func(*ent.RecordingCreate)) *ent.Recording {
	a.t.Helper()
	return a.savedIn(a.roomID, change)
}

// savedIn is saved in another room.
func (a *archive) savedIn(roomID string, change func(*ent.RecordingCreate)) *ent.Recording {
	a.t.Helper()
	create := a.db.Recording.Create().SetRoomID(uuid.MustParse(roomID)).SetStartedBy(uuid.New()).
		SetMode(recording.ModeSCREEN).SetStatus(recording.StatusSAVED).
		SetOptions(schema.RecordingOptions{}).
		SetStartedAt(time.Date(2026, 11, 2, 9, 30, 0, 0, time.UTC))
	if change != nil {
		change(create)
	}
	switch status, _ := create.Mutation().Status(); status {
	case recording.StatusSAVED, recording.StatusFAILED, recording.StatusABORTED:
		create.SetEndedAt(time.Now())
	}
	rec, err := create.Save(a.t.Context())
	require.NoError(a.t, err)
	for _, extension := range []string{".mp4", ".ogg"} {
		a.bucket.Put(a.t, "recordings/"+rec.ID.String()+extension, recorded(rec))
	}
	return rec
}

// recorded is the content of a recording's file.
func recorded(rec *ent.Recording) string { return "the recording " + rec.ID.String() }

func file(rec *ent.Recording) string { return "/media/recordings/" + rec.ID.String() + ".mp4" }

// reply is the answer to a request.
type reply struct {
	status int
	body   string
	header http.Header
}

// fetch requests a path from nginx, with a token if any. Headers are name, value, name, value.
func (a *archive) fetch(method, token, path string, headers ...string) reply {
	a.t.Helper()
	return fetch(a.t, method, a.nginx.URL()+path, append(bearer(token), headers...)...)
}

func bearer(token string) []string {
	if token == "" {
		return nil
	}
	return []string{"Authorization", "Bearer " + token}
}

func fetch(t testing.TB, method, url string, headers ...string) reply {
	t.Helper()
	request, err := http.NewRequest(method, url, nil)
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	return do(t, request)
}

func do(t testing.TB, request *http.Request) reply {
	t.Helper()
	got, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	require.NoError(t, err)
	return reply{got.StatusCode, string(body), got.Header}
}

func (s *server) userID(token string) string {
	s.t.Helper()
	return text(s.must(token, `{ viewer { id } }`, nil), "viewer.id")
}
