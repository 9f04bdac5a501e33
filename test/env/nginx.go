package env

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// nginxConfig surrounds the configuration of a test. nginx runs as one process, so that killing it leaves none
// behind, and writes only into its folder.
const nginxConfig = `
daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log %[1]s/error.log info;
events { worker_connections 512; }
http {
    access_log %[1]s/access.log;
    client_body_temp_path %[1]s/body;
    proxy_temp_path %[1]s/proxy;
    fastcgi_temp_path %[1]s/fastcgi;
    scgi_temp_path %[1]s/scgi;
    uwsgi_temp_path %[1]s/uwsgi;
    %[2]s
}
`

// Nginx is an nginx of a test's own, on 127.0.0.1.
type Nginx struct {
	Port int
	dir  string
}

// StartNginx starts an nginx. The configuration inside `http {}` is a function of its port and folder. nginx ends
// with the test.
func StartNginx(t testing.TB, config func(port int, dir string) string) *Nginx {
	t.Helper()
	n := &Nginx{Port: FreePort(t), dir: t.TempDir()}
	file := filepath.Join(n.dir, "nginx.conf")
	text := fmt.Sprintf(nginxConfig, n.dir, config(n.Port, n.dir))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(nginxBinary(), "-e", "stderr", "-p", n.dir, "-c", file)
	process, err := Start(cmd, filepath.Join(n.dir, "stderr.log"))
	if err != nil {
		t.Fatalf("start nginx (`make setup` installs it): %v", err)
	}
	t.Cleanup(process.End)
	if err := process.Ready(t.Context(), n.listens); err != nil {
		t.Fatal(err)
	}
	return n
}

// URL is its address.
func (n *Nginx) URL() string { return "http://" + n.address() }

// Log returns its log of requests and of errors.
func (n *Nginx) Log(t testing.TB) string {
	t.Helper()
	var all string
	for _, name := range []string{"access.log", "error.log", "stderr.log"} {
		text, err := os.ReadFile(filepath.Join(n.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all += string(text)
	}
	return all
}

func (n *Nginx) address() string { return "127.0.0.1:" + strconv.Itoa(n.Port) }

func (n *Nginx) listens(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", n.address())
	if err != nil {
		return err
	}
	return conn.Close()
}

// nginxBinary finds nginx, which on Debian is not in every user's PATH.
func nginxBinary() string {
	if file, err := exec.LookPath("nginx"); err == nil {
		return file
	}
	return "/usr/sbin/nginx"
}
