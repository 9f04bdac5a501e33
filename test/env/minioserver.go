package env

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

const (
	minIOKey    = "foyer-test"
	minIOSecret = "secretsecretsecretsecretsecretsecret"
)

// MinIOServer is a MinIO, which speaks S3, on 127.0.0.1.
type MinIOServer struct {
	// File is the program, Dir the folder of its data and log.
	File, Dir string
	Port      int
	// Webhook is the URL that MinIO reports objects to after Notify, and Bearer the secret that it sends along;
	// empty for none.
	Webhook, Bearer string

	process *Process
}

// URL is the server's address; Key and Secret belong to an account with all rights.
func (s *MinIOServer) URL() string    { return "http://127.0.0.1:" + strconv.Itoa(s.Port) }
func (s *MinIOServer) Key() string    { return minIOKey }
func (s *MinIOServer) Secret() string { return minIOSecret }

// Launch starts the server's process. It is up when GetMinIO of its URL succeeds.
func (s *MinIOServer) Launch() (*Process, error) {
	data := filepath.Join(s.Dir, "minio")
	if err := os.MkdirAll(data, 0o700); err != nil {
		return nil, err
	}
	address := "127.0.0.1:" + strconv.Itoa(s.Port)
	cmd := exec.Command(s.File, "server", "--quiet", "--address", address, data)
	cmd.Env = []string{ // not ours: MinIO would read variables that begin with MINIO_
		"HOME=" + s.Dir, "MINIO_ROOT_USER=" + minIOKey, "MINIO_ROOT_PASSWORD=" + minIOSecret,
		"MINIO_BROWSER=off", "MINIO_UPDATE=off", // ask nobody outside this machine
	}
	if s.Webhook != "" {
		cmd.Env = append(cmd.Env, "MINIO_NOTIFY_WEBHOOK_ENABLE_FOYER=on",
			"MINIO_NOTIFY_WEBHOOK_ENDPOINT_FOYER="+s.Webhook,
			"MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_FOYER="+s.Bearer)
	}
	return Start(cmd, filepath.Join(s.Dir, "minio.log"))
}

// StartMinIO starts a MinIO of the test's own. Unless the URL is empty, it reports objects to it from buckets that
// called Notify. It ends with the test.
func StartMinIO(t testing.TB, webhook, bearer string) *MinIOServer {
	t.Helper()
	s := &MinIOServer{
		File: setting(t, EnvMinIOFile), Dir: t.TempDir(), Port: FreePort(t),
		Webhook: webhook, Bearer: bearer,
	}
	t.Cleanup(s.Stop)
	s.Start(t)
	return s
}

// Start starts a stopped server again on the same port with its objects, and waits until it answers.
func (s *MinIOServer) Start(t testing.TB) {
	t.Helper()
	process, err := s.Launch()
	if err != nil {
		t.Fatalf("start a MinIO: %v: %s", err, hint)
	}
	s.process = process
	if err := process.Ready(t.Context(), GetMinIO(s.URL())); err != nil {
		t.Fatal(err)
	}
}

// Stop kills the server (kill -9) and waits until it has ended.
func (s *MinIOServer) Stop() {
	if s.process != nil {
		s.process.End()
	}
}

// GetMinIO is a check for Process.Ready: the MinIO at a URL can read and write.
func GetMinIO(url string) func(context.Context) error {
	return GetOK(url + "/minio/health/cluster")
}
