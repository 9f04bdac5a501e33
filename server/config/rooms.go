package config

import "time"

// Rooms has the defaults of rooms, and how long their meetings last.
type Rooms struct {
	DefaultAccess  string        `env:"FOYER_DEFAULT_ACCESS_LEVEL" envDefault:"RESTRICTED" check:"PUBLIC|TRUSTED|RESTRICTED" doc:"The access level of a room whose creator does not choose one."`
	ChooseNames    bool          `env:"FOYER_USERS_CHOOSE_NAMES" envDefault:"true" doc:"Users may enter under another name than their account's."`
	TemporaryRooms bool          `env:"FOYER_TEMPORARY_ROOMS" doc:"Anybody gets a token for a slug that no room has. Such a room has no host and no lobby, and Foyer stores nothing about it."`
	MeetingGrace   time.Duration `env:"FOYER_MEETING_GRACE" envDefault:"10m" check:"1ms..12h" doc:"How long a meeting without participants goes on. Guests keep their place and their admission, and the meeting's lock and bans hold."`
}

// Lobby is how long guests wait, and how many.
type Lobby struct {
	Grace        time.Duration `env:"FOYER_LOBBY_GRACE" envDefault:"30s" check:"1ms..8760h" doc:"How long guests who stopped watching keep their place."`
	Heartbeat    time.Duration `env:"FOYER_LOBBY_HEARTBEAT" envDefault:"10s" check:"1ms..8760h" doc:"How often a server says which guests still watch, and reads what it may have missed."`
	DeniedFor    time.Duration `env:"FOYER_DENIED_FOR" envDefault:"1m" check:"1ms..8760h" doc:"How long a denied or removed guest has to wait before asking again."`
	AdmittedFor  time.Duration `env:"FOYER_ADMITTED_FOR" envDefault:"6h" check:"1ms..8760h" doc:"How long an admission holds, unless the meeting ends before. It does not run out during the meeting, and starts again when the guest leaves."`
	TicketTTL    time.Duration `env:"FOYER_TICKET_TTL" envDefault:"24h" check:"1ms..8760h" doc:"How long a ticket is valid. Each answer with a ticket has a fresh one."`
	Capacity     int           `env:"FOYER_LOBBY_CAPACITY" envDefault:"1000" check:"0.." doc:"How many guests may wait for one room; '0' is no limit. With more than ten thousand, a host's list keeps Redis busy for a good part of a second."`
	AddressShare int           `env:"FOYER_LOBBY_ADDRESS_SHARE" envDefault:"25" check:"1..100" doc:"The percentage of a lobby's places that guests without an account may take from one network address (of IPv6, one /64); at least ten places. Set it to 100 for schools and offices where many guests have one address. A guest with an account takes at most 20 places, and none of this share."`
	ShowPosition bool          `env:"FOYER_LOBBY_POSITION" doc:"Guests see their position among those who wait. Foyer updates it every 'FOYER_LOBBY_HEARTBEAT'."`
	NotifyHosts  bool          `env:"FOYER_NOTIFY_HOSTS" doc:"Hosts in the meeting get the LiveKit data message '{\"type\":\"participantWaiting\"}' when somebody asks to enter."`
}
