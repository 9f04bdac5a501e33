package config

// Rates is how often something may happen. 0 is no limit.
type Rates struct {
	KnocksPerAddress    int `env:"FOYER_KNOCKS_PER_ADDRESS" envDefault:"300" check:"0.." doc:"New requests to enter, each minute, from one network address. Signed-in people and others are counted apart."`
	KnocksPerUser       int `env:"FOYER_KNOCKS_PER_USER" envDefault:"60" check:"0.." doc:"New requests to enter, each minute, by one user, in all rooms."`
	KnocksPerRoom       int `env:"FOYER_KNOCKS_PER_ROOM" envDefault:"1200" check:"0.." doc:"New requests to enter, each minute, for one room."`
	TokensPerAddress    int `env:"FOYER_TOKENS_PER_ADDRESS" envDefault:"3000" check:"0.." doc:"Tokens, each minute, for one network address: by 'createRoomToken', refused or not, and by 'connectionDetails' of an entry. Signed-in people and others are counted apart."`
	TokensPerUser       int `env:"FOYER_TOKENS_PER_USER" envDefault:"120" check:"0.." doc:"Such tokens, each minute, for one user."`
	TokensPerRoom       int `env:"FOYER_TOKENS_PER_ROOM" envDefault:"6000" check:"0.." doc:"Such tokens, each minute, for one room, for people without a role in it."`
	RequestsPerTicket   int `env:"FOYER_REQUESTS_PER_TICKET" envDefault:"120" check:"0.." doc:"Requests, each minute, with one ticket, for instance to keep a place or to raise a hand."`
	ListsPerUser        int `env:"FOYER_LISTS_PER_USER" envDefault:"120" check:"0.." doc:"Lists of a room's people, each minute, for one user: 'lobby { entries }', 'participants', the start of the subscription 'lobby', and mutations of many entries."`
	MutationsPerUser    int `env:"FOYER_MUTATIONS_PER_USER" envDefault:"600" check:"0.." doc:"Mutations, each minute, by one user. Each alias counts."`
	RoomsPerUser        int `env:"FOYER_ROOMS_PER_USER" envDefault:"200" check:"0.." doc:"'createRoom', each hour, by one user."`
	UnknownSlugs        int `env:"FOYER_UNKNOWN_SLUGS_PER_ADDRESS" envDefault:"300" check:"0.." doc:"Queries for slugs that no room has, each minute, from one network address or, if signed in, by one user. Beyond it every slug is RATE_LIMITED. Not counted with 'FOYER_TEMPORARY_ROOMS'."`
	GrantsPerUser       int `env:"FOYER_GRANTS_PER_USER" envDefault:"200" check:"0.." doc:"'grantRoomAccess', 'setParticipantRole' and 'shareRecording' together, each hour, by one user."`
	GrantsPerRoom       int `env:"FOYER_GRANTS_PER_ROOM" envDefault:"500" check:"0.." doc:"The same, each hour, in one room."`
	RecordingsPerUser   int `env:"FOYER_RECORDINGS_PER_USER" envDefault:"60" check:"0.." doc:"'startRecording', failed or not, each hour, by one user."`
	InvitationsPerUser  int `env:"FOYER_INVITATIONS_PER_USER" envDefault:"200" check:"0.." doc:"E-mails with invitations, each hour, for one user. At least 'FOYER_INVITATION_EMAILS'."`
	InvitationsPerRoom  int `env:"FOYER_INVITATIONS_PER_ROOM" envDefault:"500" check:"0.." doc:"E-mails with invitations, each hour, for one room. At least 'FOYER_INVITATION_EMAILS'."`
	SignInsPerAddress   int `env:"FOYER_SIGN_INS_PER_ADDRESS" envDefault:"300" check:"0.." doc:"Sign-ins that begin ('/login'), each minute, from one network address, and as many that end ('/callback')."`
	AppTokensPerAddress int `env:"FOYER_APP_TOKENS_PER_ADDRESS" envDefault:"120" check:"0.." doc:"Requests for tokens of applications, each minute, from one network address."`
	AppTokensPerClient  int `env:"FOYER_APP_TOKENS_PER_CLIENT" envDefault:"600" check:"0.." doc:"Tokens, each minute, for one application."`
}

// Operation is what one GraphQL operation may ask for.
type Operation struct {
	Body          int64  `env:"FOYER_LIMIT_BODY" envDefault:"131072" check:"1.." doc:"Bytes of a request or of a WebSocket message."`
	Tokens        int    `env:"FOYER_LIMIT_TOKENS" envDefault:"2000" check:"1.." doc:"Tokens (words and punctuation) of a document."`
	Fields        int    `env:"FOYER_LIMIT_FIELDS" envDefault:"500" check:"1.." doc:"Fields, with fragments expanded."`
	Depth         int    `env:"FOYER_LIMIT_DEPTH" envDefault:"12" check:"1.." doc:"How deep fields may be nested."`
	Aliases       int    `env:"FOYER_LIMIT_ALIASES" envDefault:"15" check:"1.." doc:"Aliases, with fragments expanded."`
	RootFields    int    `env:"FOYER_LIMIT_ROOT_FIELDS" envDefault:"20" check:"1.." doc:"Fields at the root."`
	Directives    int    `env:"FOYER_LIMIT_DIRECTIVES" envDefault:"30" check:"1.." doc:"Directives, with fragments expanded."`
	Complexity    int    `env:"FOYER_LIMIT_COMPLEXITY" envDefault:"5000" check:"1.." doc:"Values that the answer may have if every list is as long as its 'first' allows."`
	Errors        int    `env:"FOYER_LIMIT_ERRORS" envDefault:"20" check:"1.." doc:"Errors in one answer. Foyer leaves out the others."`
	Documents     string `env:"FOYER_TRUSTED_DOCUMENTS" unset:"any document" doc:"A JSON file with the documents of your clients by their SHA-256 in hexadecimal: '{\"<hash>\": \"<document>\"}'. The page's own documents are trusted too."`
	DocumentsMode string `env:"FOYER_TRUSTED_DOCUMENTS_MODE" envDefault:"enforce" check:"off|log|enforce" doc:"What happens to other documents: 'enforce' refuses them, 'log' logs their hash, 'off' ignores the file."`
}

// What FOYER_TRUSTED_DOCUMENTS_MODE may be, besides log.
const (
	DocumentsOff     = "off"
	DocumentsEnforce = "enforce"
)
