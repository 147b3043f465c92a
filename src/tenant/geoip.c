#include "tenant/geoip.h"

#include "base/encode.h"

#include <arpa/inet.h>
#include <maxminddb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct geoip {
    char *file;
    pthread_rwlock_t lock;
    MMDB_s *database; /* guarded by the lock: what a lookup finds points into it */
};

/* ISO 3166-1: each country's alpha-2 code and its alpha-3 code, which the databases do not hold. */
static const char country_codes[] =
    "ADAND AEARE AFAFG AGATG AIAIA ALALB AMARM AOAGO AQATA ARARG ASASM ATAUT AUAUS AWABW AXALA AZAZE "
    "BABIH BBBRB BDBGD BEBEL BFBFA BGBGR BHBHR BIBDI BJBEN BLBLM BMBMU BNBRN BOBOL BQBES BRBRA BSBHS "
    "BTBTN BVBVT BWBWA BYBLR BZBLZ CACAN CCCCK CDCOD CFCAF CGCOG CHCHE CICIV CKCOK CLCHL CMCMR CNCHN "
    "COCOL CRCRI CUCUB CVCPV CWCUW CXCXR CYCYP CZCZE DEDEU DJDJI DKDNK DMDMA DODOM DZDZA ECECU EEEST "
    "EGEGY EHESH ERERI ESESP ETETH FIFIN FJFJI FKFLK FMFSM FOFRO FRFRA GAGAB GBGBR GDGRD GEGEO GFGUF "
    "GGGGY GHGHA GIGIB GLGRL GMGMB GNGIN GPGLP GQGNQ GRGRC GSSGS GTGTM GUGUM GWGNB GYGUY HKHKG HMHMD "
    "HNHND HRHRV HTHTI HUHUN IDIDN IEIRL ILISR IMIMN ININD IOIOT IQIRQ IRIRN ISISL ITITA JEJEY JMJAM "
    "JOJOR JPJPN KEKEN KGKGZ KHKHM KIKIR KMCOM KNKNA KPPRK KRKOR KWKWT KYCYM KZKAZ LALAO LBLBN LCLCA "
    "LILIE LKLKA LRLBR LSLSO LTLTU LULUX LVLVA LYLBY MAMAR MCMCO MDMDA MEMNE MFMAF MGMDG MHMHL MKMKD "
    "MLMLI MMMMR MNMNG MOMAC MPMNP MQMTQ MRMRT MSMSR MTMLT MUMUS MVMDV MWMWI MXMEX MYMYS MZMOZ NANAM "
    "NCNCL NENER NFNFK NGNGA NINIC NLNLD NONOR NPNPL NRNRU NUNIU NZNZL OMOMN PAPAN PEPER PFPYF PGPNG "
    "PHPHL PKPAK PLPOL PMSPM PNPCN PRPRI PSPSE PTPRT PWPLW PYPRY QAQAT REREU ROROU RSSRB RURUS RWRWA "
    "SASAU SBSLB SCSYC SDSDN SESWE SGSGP SHSHN SISVN SJSJM SKSVK SLSLE SMSMR SNSEN SOSOM SRSUR SSSSD "
    "STSTP SVSLV SXSXM SYSYR SZSWZ TCTCA TDTCD TFATF TGTGO THTHA TJTJK TKTKL TLTLS TMTKM TNTUN TOTON "
    "TRTUR TTTTO TVTUV TWTWN TZTZA UAUKR UGUGA UMUMI USUSA UYURY UZUZB VAVAT VCVCT VEVEN VGVGB VIVIR "
    "VNVNM VUVUT WFWLF WSWSM XKXKX YEYEM YTMYT ZAZAF ZMZMB ZWZWE ";

static MMDB_s *open_database(struct arena *arena, const char *file, const char **error)
{
    MMDB_s *database = calloc(1, sizeof *database);
    if (database == NULL)
        abort();
    int status = MMDB_open(file, MMDB_MODE_MMAP, database);
    if (status == MMDB_SUCCESS)
        return database;
    *error = arena_printf(arena, "the geo-IP database %s cannot be read: %s", file, MMDB_strerror(status));
    free(database);
    return NULL;
}

static void close_database(MMDB_s *database)
{
    MMDB_close(database);
    free(database);
}

struct geoip *geoip_open(struct arena *arena, const char *file, const char **error)
{
    MMDB_s *database = open_database(arena, file, error);
    if (database == NULL)
        return NULL;
    struct geoip *geoip = calloc(1, sizeof *geoip);
    if (geoip == NULL)
        abort();
    geoip->file = strdup(file);
    if (geoip->file == NULL)
        abort();
    geoip->database = database;
    pthread_rwlock_init(&geoip->lock, NULL);
    return geoip;
}

void geoip_close(struct geoip **geoip)
{
    struct geoip *closing = *geoip;
    *geoip = NULL;
    if (closing == NULL)
        return;
    close_database(closing->database);
    pthread_rwlock_destroy(&closing->lock);
    free(closing->file);
    free(closing);
}

bool geoip_reload(struct geoip *geoip, struct arena *arena, const char **error)
{
    MMDB_s *fresh = open_database(arena, geoip->file, error);
    if (fresh == NULL)
        return false;
    pthread_rwlock_wrlock(&geoip->lock);
    MMDB_s *old = geoip->database;
    geoip->database = fresh;
    pthread_rwlock_unlock(&geoip->lock);
    close_database(old);
    return true;
}

static const char *alpha3(struct arena *arena, const char *alpha2)
{
    if (alpha2 == NULL || strlen(alpha2) != 2)
        return NULL;
    for (const char *at = country_codes; *at != '\0'; at += strlen("ATAUT "))
        if (strncmp(at, alpha2, 2) == 0)
            return arena_printf(arena, "%.3s", at + 2);
    return NULL;
}

/* The text at `path` (ends with NULL), where there is one. */
static const char *text_at(MMDB_entry_s *entry, struct arena *arena, const char *const *path)
{
    MMDB_entry_data_s data;
    if (MMDB_aget_value(entry, &data, path) != MMDB_SUCCESS || !data.has_data ||
        data.type != MMDB_DATA_TYPE_UTF8_STRING || !utf8_valid(data.utf8_string, data.data_size))
        return NULL;
    return arena_printf(arena, "%.*s", (int)data.data_size, data.utf8_string);
}

#define TEXT_AT(...) text_at(entry, arena, (const char *const[]){__VA_ARGS__, NULL})

static bool number_at(MMDB_entry_s *entry, const char *const *path, double *number)
{
    MMDB_entry_data_s data;
    if (MMDB_aget_value(entry, &data, path) != MMDB_SUCCESS || !data.has_data ||
        data.type != MMDB_DATA_TYPE_DOUBLE)
        return false;
    *number = data.double_value;
    return true;
}

static struct geoip_place place_of(MMDB_entry_s *entry, struct arena *arena)
{
    struct geoip_place place = {
        .country_code = TEXT_AT("country", "iso_code"),
        .country_name = TEXT_AT("country", "names", "en"),
        .city_name = TEXT_AT("city", "names", "en"),
        .time_zone = TEXT_AT("location", "time_zone"),
        .continent_code = TEXT_AT("continent", "code"),
        .subdivision_code = TEXT_AT("subdivisions", "0", "iso_code"),
        .subdivision_name = TEXT_AT("subdivisions", "0", "names", "en"),
    };
    /* Of an address that is used in no country in particular, such as a satellite's, only the owner's is known. */
    if (place.country_code == NULL) {
        place.country_code = TEXT_AT("registered_country", "iso_code");
        place.country_name = TEXT_AT("registered_country", "names", "en");
    }
    place.country_code3 = alpha3(arena, place.country_code);
    place.has_position =
        number_at(entry, (const char *const[]){"location", "latitude", NULL}, &place.latitude) &&
        number_at(entry, (const char *const[]){"location", "longitude", NULL}, &place.longitude);
    return place;
}

static bool read_address(const char *ip, struct sockaddr_storage *address)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)address;
    *address = (struct sockaddr_storage){.ss_family = AF_UNSPEC};
    if (ip != NULL && inet_pton(AF_INET, ip, &v4->sin_addr) == 1)
        address->ss_family = AF_INET;
    else if (ip != NULL && inet_pton(AF_INET6, ip, &v6->sin6_addr) == 1)
        address->ss_family = AF_INET6;
    return address->ss_family != AF_UNSPEC;
}

struct geoip_place geoip_find(struct geoip *geoip, struct arena *arena, const char *ip)
{
    struct geoip_place place = {.country_code = NULL};
    struct sockaddr_storage address;
    int status = MMDB_SUCCESS;
    if (geoip == NULL || !read_address(ip, &address))
        return place;
    pthread_rwlock_rdlock(&geoip->lock);
    MMDB_lookup_result_s found =
        MMDB_lookup_sockaddr(geoip->database, (const struct sockaddr *)&address, &status);
    if (status == MMDB_SUCCESS && found.found_entry)
        place = place_of(&found.entry, arena);
    pthread_rwlock_unlock(&geoip->lock);
    return place;
}

yyjson_mut_val *geoip_object(yyjson_mut_doc *doc, const struct geoip_place *place)
{
    yyjson_mut_val *object = yyjson_mut_obj(doc);
    json_set_text(doc, object, "country_code", place->country_code);
    json_set_text(doc, object, "country_code3", place->country_code3);
    json_set_text(doc, object, "country_name", place->country_name);
    json_set_text(doc, object, "city_name", place->city_name);
    if (place->has_position) {
        json_set(doc, object, "latitude", yyjson_mut_real(doc, place->latitude));
        json_set(doc, object, "longitude", yyjson_mut_real(doc, place->longitude));
    }
    json_set_text(doc, object, "time_zone", place->time_zone);
    json_set_text(doc, object, "continent_code", place->continent_code);
    json_set_text(doc, object, "subdivision_code", place->subdivision_code);
    json_set_text(doc, object, "subdivision_name", place->subdivision_name);
    return object;
}
