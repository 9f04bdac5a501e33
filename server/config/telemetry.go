package config

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Telemetry is what Foyer says about itself to those who run it.
type Telemetry struct {
	LogLevel       string   `env:"FOYER_LOG_LEVEL" envDefault:"info" check:"debug, info, warn or error" doc:"What to log. Logs go to standard error, as JSON except in development mode."`
	AdminAddr      string   `env:"FOYER_INNER_ADDR" check:"host:port" doc:"Where to serve metrics, profiles and health, for instance at '10.0.0.5:9090'. Nobody signs in there: use a loopback address or a network that others cannot reach, never an address of the internet. In development mode, a loopback address."`
	OperationNames []string `env:"FOYER_OPERATION_NAMES" check:"the name of an operation" blanks:"refused" doc:"Names of GraphQL operations that metrics, traces and logs may show, besides those in 'FOYER_TRUSTED_DOCUMENTS'; 500 at most. All others appear as 'other'."`
	// OpenTelemetry's own package reads the next two and its other variables from the environment of the process.
	OTLPEndpoint       string `env:"OTEL_EXPORTER_OTLP_ENDPOINT" unset:"no traces" check:"http://… or https://…" doc:"Where to send traces, by OTLP over HTTP: 'http://collector:4318'. OpenTelemetry's other variables then apply too."`
	OTLPTracesEndpoint string `env:"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" unset:"'/v1/traces' there" check:"http://… or https://…" doc:"The whole URL for traces, if it is another one."`
}

// maxOperationNames bounds how many names metrics may have.
const maxOperationNames = 500

func (c *Config) checkTelemetry(p *problems) {
	p.add(len(c.Telemetry.OperationNames) > maxOperationNames, "FOYER_OPERATION_NAMES has more than %d names",
		maxOperationNames)
	addr := c.Telemetry.AdminAddr
	loopback, err := LoopbackAddr(addr)
	if addr == "" || err != nil {
		return
	}
	p.add(c.Development() && !loopback, "FOYER_INNER_ADDR is for loopback addresses in development mode: %q", addr)
	if err := CheckAdminAddr(addr); err != nil {
		*p = append(*p, err)
	}
	p.add(addr == c.Server.Addr && !strings.HasSuffix(addr, ":0"), "FOYER_INNER_ADDR is the same as FOYER_ADDR")
}

// CheckAdminAddr refuses an address of the internet. It accepts those of this machine and of private networks, and the
// unspecified one, which is all that a container has. It accepts a name: only listening shows what a name leads to.
func CheckAdminAddr(hostport string) error {
	host, _, _ := net.SplitHostPort(hostport)
	ip, err := netip.ParseAddr(host)
	if err != nil || ip.IsUnspecified() || ip.IsLoopback() || ip.IsPrivate() || ip.IsLinkLocalUnicast() {
		return nil
	}
	return fmt.Errorf("FOYER_INNER_ADDR is an address of the internet: %q; anybody could read there", hostport)
}
