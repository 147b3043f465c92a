/*
 * Renders pages without a server, for looking at them and for axe: reads [{"template","language","variables"}] on standard
 * input, writes {"pages":["<!doctype…"],"assets":{"/u/assets/…":{"type","text"}}} on standard output.
 */
#include "page/sources.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_assets(yyjson_mut_doc *doc, yyjson_mut_val *root)
{
    yyjson_mut_val *assets = yyjson_mut_obj_add_obj(doc, root, "assets");
    for (size_t i = 0; i < page_assets_count; i++) {
        yyjson_mut_val *asset = yyjson_mut_obj(doc);
        yyjson_mut_obj_add_str(doc, asset, "type", page_assets[i].type);
        yyjson_mut_obj_add_strn(doc, asset, "text", (const char *)page_assets[i].content,
                                page_assets[i].size);
        char path[256];
        (void)snprintf(path, sizeof(path), "/u/assets/%s", page_assets[i].name);
        yyjson_mut_obj_add(assets, yyjson_mut_strcpy(doc, path), asset);
    }
}

static const char *text_of(yyjson_mut_val *object, const char *name)
{
    return yyjson_mut_get_str(yyjson_mut_obj_get(object, name));
}

int main(void)
{
    struct arena *arena = arena_create();
    yyjson_doc *input = yyjson_read_fp(stdin, 0, NULL, NULL);
    yyjson_mut_doc *pages = input != NULL ? yyjson_doc_mut_copy(input, NULL) : NULL;
    if (pages == NULL)
        return EXIT_FAILURE;
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_val *out = yyjson_mut_obj_add_arr(doc, root, "pages");
    size_t index, count;
    yyjson_mut_val *page;
    yyjson_mut_arr_foreach(yyjson_mut_doc_get_root(pages), index, count, page)
    {
        yyjson_mut_val *variables = yyjson_mut_obj_get(page, "variables");
        const char *uri = text_of(variables, "otpauthUri");
        if (uri != NULL)
            yyjson_mut_obj_add_strcpy(pages, variables, "qrCode", qr_svg(arena, uri));
        const char *html =
            page_render(arena, text_of(page, "template"), text_of(page, "language"), variables);
        yyjson_mut_arr_add_strcpy(doc, out, html);
    }
    add_assets(doc, root);
    bool written = yyjson_mut_write_fp(stdout, doc, 0, NULL, NULL);
    yyjson_mut_doc_free(doc);
    yyjson_mut_doc_free(pages);
    yyjson_doc_free(input);
    arena_destroy(&arena);
    return written ? EXIT_SUCCESS : EXIT_FAILURE;
}
